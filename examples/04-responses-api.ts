/** The Responses API, whole and streamed: one upstream call serves both. */
import assert from 'node:assert/strict'
import { createGatewayClient } from '@hotdash/llm-gateway'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'

const upstream = await startFakeOpenAI()
const client = createGatewayClient({
  baseURL: upstream.baseURL,
  apiKey: 'any',
  gateway: { agent: 'content' },
})

const body = {
  model: 'gpt-4o-mini',
  instructions: 'You write product copy for a shoe shop.',
  input: 'Two sentences on a waterproof trail runner.',
}

const whole = await client.responses.create(body)
console.log(whole.output_text)

let streamed = ''
for await (const event of await client.responses.create({ ...body, stream: true }))
  if (event.type === 'response.output_text.delta') streamed += event.delta
assert.equal(streamed, whole.output_text)
assert.equal(upstream.count(), 1)
console.log('the same, streamed from the cache')

// A turn with `previous_response_id` depends on state at upstream, so it is never cached.
const shorter = { model: 'gpt-4o-mini', input: 'Shorter.', previous_response_id: whole.id }
const { response } = await client.responses.create(shorter).withResponse()
console.log(`a turn with previous_response_id: ${response.headers.get('x-gateway-cache')}`)
await client.responses.create(shorter)
assert.equal(response.headers.get('x-gateway-cache'), 'bypass')
assert.equal(upstream.count(), 3)

await client.gateway.close()
await upstream.close()
