import { Langfuse } from 'langfuse'
import { expect, test, vi } from 'vitest'
import type { FakeLangfuseOptions } from './options.ts'
import { setup } from './test-setup.ts'

/** Langfuse's own client, at a stand-in. */
async function clientOf(options: FakeLangfuseOptions) {
  const { langfuse } = await setup(options)
  const { baseURL: baseUrl, publicKey, secretKey } = langfuse
  const client = new Langfuse({ baseUrl, publicKey, secretKey, fetchRetryCount: 1, fetchRetryDelay: 5 })
  return { langfuse, client }
}

function traceOne(client: Langfuse) {
  const trace = client.trace({ name: 'support', userId: 'prod_customer', tags: ['cache:miss'] })
  trace
    .generation({
      name: 'chat',
      model: 'gpt-4o-mini',
      input: [{ role: 'user', content: 'Where is order 17?' }],
      usage: { input: 1000, output: 200, total: 1200, unit: 'TOKENS' },
    })
    .end({ output: 'Under way.' })
  trace.score({ name: 'cache', value: 'miss', dataType: 'CATEGORICAL' })
}

test("2.95.12 stores what Langfuse's own client sends", async () => {
  const { langfuse, client } = await clientOf({ version: '2.95.12' })
  traceOne(client)
  await client.shutdownAsync()
  expect(langfuse.malformed).toEqual([])
  const [trace] = langfuse.traces.values()
  const [generation] = langfuse.observations.values()
  const [score] = langfuse.scores.values()
  expect(trace).toMatchObject({ name: 'support', userId: 'prod_customer', tags: ['cache:miss'] })
  expect(generation).toMatchObject({
    traceId: trace?.id,
    type: 'GENERATION',
    output: 'Under way.',
    tokens: { input: 1000, output: 200, total: 1200 },
    costUsd: 0.00027,
  })
  expect(generation?.endTime).toBeDefined()
  expect(score).toMatchObject({ traceId: trace?.id, name: 'cache', stringValue: 'miss' })
  expect(langfuse.requests).toMatchObject([{ path: '/api/public/ingestion', status: 207, events: 4 }])
})

test('4.16.0 answers the same client with 207, stores its scores and nothing else', async () => {
  const { langfuse, client } = await clientOf({ version: '4.16.0' })
  const said = vi.spyOn(console, 'error').mockReturnValue()
  traceOne(client)
  await client.shutdownAsync()
  said.mockRestore()
  expect(langfuse.requests[0]).toMatchObject({ status: 207, events: 4 })
  expect([langfuse.traces.size, langfuse.observations.size, langfuse.scores.size]).toEqual([0, 0, 1])
})
