import { expect, test } from 'vitest'
import type { LangfuseFault } from './faults.ts'
import { event, setup, span } from './test-setup.ts'

const generation = (id: string) => event('generation-create', { id, traceId: 't' })

test.each([
  ['too-large', 413, null, 'Body exceeded 4.5mb limit'],
  ['bad-gateway', 502, 'text/html', '<html>'],
  ['unauthorized', 401, 'application/json; charset=utf-8', '{"error":"UnauthorizedError"'],
  ['rate-limited', 429, 'application/json; charset=utf-8', '{"message"'],
  ['server-error', 500, 'application/json; charset=utf-8', '{"message"'],
] as const)(
  '%s is a %i of type %s for the given number of times, and nothing is stored',
  async (type, status, kind, begins) => {
    const { langfuse, ingest } = await setup({ version: '2.95.12' })
    langfuse.fault({ type, times: 1 })
    const response = await ingest(generation('a'))
    expect([response.status, response.headers.get('content-type')]).toEqual([status, kind])
    expect((await response.text()).startsWith(begins)).toBe(true)
    expect(langfuse.observations.size).toBe(0)
    expect((await ingest(generation('a'))).status).toBe(207)
    expect(langfuse.requests.map(({ status, events }) => [status, events])).toEqual([
      [status, 1],
      [207, 1],
    ])
  },
)

test('a rate limit sends retry-after', async () => {
  const { langfuse, ingest } = await setup({ version: '2.95.12' })
  langfuse.fault({ type: 'rate-limited', retryAfterSeconds: 7 })
  expect((await ingest(generation('a'))).headers.get('retry-after')).toBe('7')
})

test('where some events are rejected, the rest is stored, and the answer names them', async () => {
  const { langfuse, ingest } = await setup({ version: '2.95.12' })
  langfuse.fault({ type: 'some-rejected', status: 500, eventType: 'generation-create' })
  const bad = generation('bad')
  const response = await ingest(event('trace-create', { id: 't' }), bad, generation('good'))
  expect(await response.json()).toMatchObject({
    successes: [{ status: 201 }, { status: 201 }],
    errors: [{ id: bad.id, status: 500, error: 'Internal Server Error' }],
  })
  expect([...langfuse.observations.keys()]).toEqual(['good'])
})

test('all rejected is a 207 that stored nothing, and a 400 where spans are sent', async () => {
  const { langfuse, ...server } = await setup({ version: '4.16.0' })
  langfuse.fault({ type: 'all-rejected' })
  const response = await server.ingest(
    generation('a'),
    event('score-create', { id: 's', traceId: 't', name: 'n', value: 1 }),
  )
  expect(response.status).toBe(207)
  expect(await response.json()).toMatchObject({ successes: [], errors: [{ status: 400 }, { status: 400 }] })
  expect((await server.export(span({}))).status).toBe(400)
  expect([langfuse.scores.size, langfuse.observations.size]).toEqual([0, 0])
})

test.each<[LangfuseFault, stored: number]>([
  [{ type: 'reset' }, 0],
  [{ type: 'reset-after-storing' }, 1],
  [{ type: 'hang' }, 0],
])('%j gives no answer', async (fault, stored) => {
  const { langfuse, post } = await setup({ version: '2.95.12' })
  langfuse.fault(fault)
  const signal = AbortSignal.timeout(200)
  await expect(post('/api/public/ingestion', { batch: [generation('a')] }, { signal })).rejects.toThrow()
  expect([langfuse.observations.size, langfuse.requests[0]?.status]).toEqual([stored, undefined])
})

test('a stopped server refuses connections, and starts again on the same port with its data', async () => {
  const { langfuse, ingest } = await setup({ version: '2.95.12' })
  await ingest(generation('a'))
  await langfuse.stop()
  await expect(ingest(generation('b'))).rejects.toThrow()
  await langfuse.start()
  await ingest(generation('c'))
  expect([...langfuse.observations.keys()]).toEqual(['a', 'c'])
})

test('health is not affected by a fault, unless the fault names its path', async () => {
  const { langfuse } = await setup({ version: '2.95.12' })
  const health = () => fetch(`${langfuse.baseURL}/api/public/health`)
  langfuse.fault({ type: 'server-error' })
  expect(await (await health()).json()).toEqual({ status: 'OK', version: '2.95.12' })
  langfuse.fault({ type: 'bad-gateway', path: '/api/public/health' })
  expect((await health()).status).toBe(502)
  langfuse.clear()
  expect((await health()).status).toBe(200)
})
