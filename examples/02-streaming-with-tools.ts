/** Streams an answer with a tool call, through an unchanged `runTools` loop. */
import assert from 'node:assert/strict'
import { createGatewayClient } from '@hotdash/llm-gateway'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { zodFunction } from 'openai/helpers/zod'
import { z } from 'zod'

const upstream = await startFakeOpenAI()
const client = createGatewayClient({
  baseURL: upstream.baseURL,
  apiKey: 'any',
  gateway: { agent: 'ai-customer' },
})

const orders = new Map([['1234', 'left the warehouse this morning']])
const orderStatus = zodFunction({
  name: 'order_status',
  description: 'Where an order is.',
  parameters: z.object({ orderId: z.enum(['1234']) }),
  function: ({ orderId }) => orders.get(orderId) ?? 'unknown',
})

async function answer(question: string): Promise<string> {
  const runner = client.chat.completions.runTools({
    model: 'gpt-4o-mini',
    stream: true,
    messages: [{ role: 'user', content: question }],
    tools: [orderStatus],
  })
  runner.on('content', (text) => process.stdout.write(text))
  const said = await runner.finalContent()
  process.stdout.write('\n')
  return said ?? ''
}

const first = await answer('Where is my order 1234?')
assert.match(first, /left the warehouse this morning/)

// Both turns of the loop are cached: the tool call, and the answer to its result.
const again = await answer('Where is my order 1234?')
assert.equal(again, first)
assert.equal(upstream.count(), 2)

await client.gateway.flush()
const { cache } = client.gateway.stats()
console.log(`4 turns: ${cache.miss} upstream, ${cache.exact} from the cache`)
assert.equal(cache.exact, 2)

await client.gateway.close()
await upstream.close()
