/** Sets agent, session and cache controls for a block of code, or for one call. */
import assert from 'node:assert/strict'
import { type CallRecord, createGatewayClient, gatewayOptions, withGateway } from '@hotdash/llm-gateway'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'

const records: CallRecord[] = []
const upstream = await startFakeOpenAI()
const client = createGatewayClient({
  baseURL: upstream.baseURL,
  apiKey: 'any',
  gateway: { agent: 'support', onCall: (record) => void records.push(record) },
})

const body = (content: string) => ({
  model: 'gpt-4o-mini',
  messages: [{ role: 'user' as const, content }],
})

// All calls inside, at any depth, belong to this session.
await withGateway({ agent: 'ai-customer', session: 'ticket-77', tags: ['chat'] }, async () => {
  await client.chat.completions.create(body('Do you ship to Norway?'))
  await client.chat.completions.create(body('Do you ship to Norway?'), gatewayOptions({ tags: ['retry'] }))
})

// Asks upstream; neither reads from the cache nor stores the answer.
await client.chat.completions.create(body('Do you ship to Norway?'), gatewayOptions({ cache: false }))

const onlyIfCached = gatewayOptions({ cache: { onlyIfCached: true } })
await assert.rejects(client.chat.completions.create(body('Do you ship to Mars?'), onlyIfCached), {
  status: 504,
  code: 'gateway_not_cached',
})

await client.gateway.flush()
for (const { agent, session = '-', tags, cache, status, costUsd } of records)
  console.log([agent, session, tags.join('+') || '-', cache, status, `$${costUsd?.toFixed(9)}`].join('  '))

assert.deepEqual(
  records.map(({ agent, session, tags, cache, status }) => [agent, session, tags.join(), cache, status]),
  [
    ['ai-customer', 'ticket-77', 'chat', 'miss', 'ok'],
    ['ai-customer', 'ticket-77', 'chat,retry', 'exact', 'ok'],
    ['support', undefined, '', 'bypass', 'ok'],
    ['support', undefined, '', 'miss', 'refused'],
  ],
)
assert.equal(upstream.count(), 2)

await client.gateway.close()
await upstream.close()
