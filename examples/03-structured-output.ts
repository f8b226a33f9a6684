/** The SDK's own helper parses structured output, from upstream and from the cache. */
import assert from 'node:assert/strict'
import { createGatewayClient } from '@hotdash/llm-gateway'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { zodResponseFormat } from 'openai/helpers/zod'
import { z } from 'zod'

const upstream = await startFakeOpenAI()
const client = createGatewayClient({
  baseURL: upstream.baseURL,
  apiKey: 'any',
  gateway: { agent: 'inventory' },
})

const Reorder = z.object({
  sku: z.string(),
  units: z.number().int().min(1),
  urgency: z.enum(['now', 'this week', 'next month']),
})

const suggest = () =>
  client.chat.completions.parse({
    model: 'gpt-4o-mini',
    messages: [
      { role: 'system', content: 'You plan the stock of a shoe shop.' },
      { role: 'user', content: 'Trail runners, size 42: 3 left, 11 sold last week.' },
    ],
    response_format: zodResponseFormat(Reorder, 'reorder'),
  })

const first = (await suggest()).choices[0]?.message.parsed
const cached = (await suggest()).choices[0]?.message.parsed
console.log(`order ${first?.units} units, ${first?.urgency}`)

assert.ok(first && Reorder.safeParse(first).success)
assert.deepEqual(cached, first)
assert.equal(upstream.count(), 1)
console.log('asked again: the same, parsed from the cache')

await client.gateway.close()
await upstream.close()
