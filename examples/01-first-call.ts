/** A gateway client is a real OpenAI client. The second identical call comes from the cache and costs nothing. */
import assert from 'node:assert/strict'
import { createGatewayClient } from '@hotdash/llm-gateway'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'

const upstream = await startFakeOpenAI()
const client = createGatewayClient({
  baseURL: upstream.baseURL,
  apiKey: 'any',
  gateway: { agent: 'ai-customer' },
})

const question = 'Can I return shoes that I have worn once?'
const ask = () =>
  client.chat.completions
    .create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: question }] })
    .withResponse()

const first = await ask()
const second = await ask()
console.log(question)
console.log(`> ${second.data.choices[0]?.message.content}`)

const told = [first, second].map(({ response }) => response.headers.get('x-gateway-cache'))
console.log(`first answer: ${told[0]}, second answer: ${told[1]}`)
assert.deepEqual(told, ['miss', 'exact'])
assert.deepEqual(second.data, first.data)
assert.equal(upstream.count(), 1)

await client.gateway.flush()
const { calls, costUsd, savedUsd } = client.gateway.stats()
console.log(`${calls} calls cost $${costUsd.toFixed(9)} and saved $${savedUsd.toFixed(9)}`)
assert.equal(savedUsd, costUsd)

await client.gateway.close()
await upstream.close()
