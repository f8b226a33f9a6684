/** Agents request gpt-4o-mini; above 2,000 input tokens gpt-4o answers. */
import assert from 'node:assert/strict'
import { createGatewayClient } from '@hotdash/llm-gateway'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'

const upstream = await startFakeOpenAI()
const client = createGatewayClient({
  baseURL: upstream.baseURL,
  apiKey: 'any',
  gateway: { agent: 'ceo-insights' },
})

const week = 'Revenue rose in the north and fell in the south; returns of boots doubled. '

async function summarise(weeks: number, model = 'gpt-4o-mini') {
  const { data, response } = await client.chat.completions
    .create({ model, messages: [{ role: 'user', content: `Summarise:\n${week.repeat(weeks)}` }] })
    .withResponse()
  const route = response.headers.get('x-gateway-route')
  console.log(`${String(data.usage?.prompt_tokens).padStart(5)} input tokens: ${data.model} (${route})`)
  return data.model
}

assert.equal(await summarise(4), 'gpt-4o-mini')
assert.equal(await summarise(52), 'gpt-4o-mini')
assert.equal(await summarise(150), 'gpt-4o')

// A requested model other than the default is not routed.
assert.equal(await summarise(4, 'gpt-4o'), 'gpt-4o')

await client.gateway.flush()
assert.equal(client.gateway.stats().escalated, 1)

await client.gateway.close()
await upstream.close()
