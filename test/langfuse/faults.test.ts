import { type LangfuseFault, type LangfuseVersion, startFakeLangfuse } from '@hotdash/llm-gateway-testing'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ask, setup, until } from '../support.ts'
import { heldOf, optionsFor, stand, VERSIONS } from './kit.ts'

const rejections: unknown[] = []
const keep = (reason: unknown) => void rejections.push(reason)
const lines: string[] = []
beforeEach(() => {
  rejections.length = 0
  lines.length = 0
  process.on('unhandledRejection', keep)
  for (const stream of ['log', 'info', 'warn', 'error', 'debug'] as const)
    vi.spyOn(console, stream).mockImplementation((...words) => void lines.push(words.join(' ')))
})
afterEach(() => {
  process.off('unhandledRejection', keep)
  vi.restoreAllMocks()
  expect(rejections).toEqual([])
  expect(lines.filter((line) => !line.startsWith('[llm-gateway] '))).toEqual([])
  expect(lines.join('\n')).not.toMatch(/[ps]k-lf-(public|secret)|Basic /)
})

type Case = { fault: LangfuseFault; trouble: RegExp; stored?: 'all' }

/** Nothing of these arrives while they last, everything afterwards. */
const PASSING: Case[] = [
  { fault: { type: 'bad-gateway' }, trouble: /502/ },
  { fault: { type: 'unauthorized' }, trouble: /401.*LANGFUSE_PUBLIC_KEY/ },
  { fault: { type: 'rate-limited', retryAfterSeconds: 0 }, trouble: /429/ },
  { fault: { type: 'server-error' }, trouble: /500/ },
  { fault: { type: 'hang' }, trouble: /no answer within 300 ms/ },
  { fault: { type: 'reset' }, trouble: /cannot be reached/ },
  { fault: { type: 'reset-after-storing' }, trouble: /cannot be reached/, stored: 'all' },
]
const each = (cases: Case[]) =>
  VERSIONS.flatMap((version) => cases.map((found) => ({ version, type: found.fault.type, ...found })))

async function calls(version: LangfuseVersion, fault: LangfuseFault, count = 7) {
  const server = await stand(version)
  const timeoutMs = fault.type === 'hang' ? 300 : 10_000
  const { client, records } = await setup({ langfuse: { ...optionsFor(server), timeoutMs } })
  server.fault(fault)
  for (let call = 0; call < count; call += 1) await client.chat.completions.create(ask(`question ${call}`))
  const stats = () => client.gateway.stats().sinks?.langfuse
  return { server, client, records, stats }
}

test.each(each(PASSING))(
  '$version, $type: kept, and delivered afterwards',
  async ({ version, fault, trouble, stored }) => {
    const { server, client, records, stats } = await calls(version, fault)
    await client.gateway.flush()
    expect(stats()).toMatchObject({ queued: 7, delivered: 0, rejected: 0, dropped: 0, state: 'failing' })
    expect(stats()?.lastError).toMatch(trouble)
    if (stored !== 'all') expect(heldOf(server, records)).toBe(0)
    server.clear()
    await until(() => stats()?.queued === 0, 'everything is delivered')
    expect(stats()).toMatchObject({ delivered: 7, rejected: 0, dropped: 0, state: 'up' })
    expect(heldOf(server, records)).toBe(7)
    expect(server.observations.size).toBe(7)
    expect(server.malformed).toEqual([])
  },
)

test.each(VERSIONS)('%s, refused connections: kept, and delivered afterwards', async (version) => {
  const { server, client, records, stats } = await calls(version, { type: 'server-error' }, 0)
  server.clear()
  await server.stop()
  for (let call = 0; call < 5; call += 1) await client.chat.completions.create(ask(`question ${call}`))
  await client.gateway.flush()
  expect(stats()).toMatchObject({ queued: 5, delivered: 0, state: 'failing' })
  expect(stats()?.lastError).toMatch(/cannot be reached \(ECONNREFUSED\)/)
  await server.start()
  await until(() => stats()?.queued === 0, 'everything is delivered')
  expect(heldOf(server, records)).toBe(5)
})

test.each(VERSIONS)(
  '%s, some refused: what is lost is counted, said, and no more than that',
  async (version) => {
    const { server, client, records, stats } = await calls(version, { type: 'some-rejected', count: 2 })
    expect(await client.gateway.flush()).toBe(false)
    const { delivered = 0, rejected = 0, queued } = stats() ?? {}
    expect({ sum: delivered + rejected, queued }).toEqual({ sum: 7, queued: 0 })
    expect(rejected).toBeGreaterThan(0)
    expect(heldOf(server, records)).toBe(delivered)
    expect(stats()?.lastError).toMatch(new RegExp(`${rejected} calls? (?:is|are) lost`))
    expect(lines.join('\n')).toMatch(/langfuse: \d+ calls? (?:is|are) lost: /)
    // Of each kind there is one line a minute; the last word has all of them.
    expect(await client.gateway.close()).toBe(false)
    expect(lines.at(-1)).toContain(`langfuse: ${rejected} calls `)
  },
)

test("2.95.12, an event's own 500: only the event is sent again", async () => {
  const { server, client, records, stats } = await calls('2.95.12', {
    type: 'some-rejected',
    status: 500,
    eventType: 'generation-create',
  })
  server.fault({ type: 'some-rejected', status: 500, eventType: 'generation-create', times: 1 })
  expect(await client.gateway.flush()).toBe(true)
  await until(() => stats()?.queued === 0, 'the rest is delivered')
  expect(stats()).toMatchObject({ delivered: 7, rejected: 0, failures: 0 })
  expect(heldOf(server, records)).toBe(7)
  const sent = server.requests.filter(({ path }) => path.endsWith('ingestion'))
  expect(sent.reduce((sum, { events }) => sum + events, 0)).toBe(7 * 4 + 1)
})

test.each(VERSIONS)('%s, too large: sent in halves, and what is refused alone is lost', async (version) => {
  const { server, client, records, stats } = await calls(version, { type: 'too-large' })
  server.fault({ type: 'too-large', times: 1 })
  expect(await client.gateway.flush()).toBe(true)
  expect(stats()).toMatchObject({ delivered: 7, rejected: 0 })
  expect(heldOf(server, records)).toBe(7)
  server.fault({ type: 'too-large' })
  await client.chat.completions.create(ask('large'))
  expect(await client.gateway.flush()).toBe(false)
  expect(stats()).toMatchObject({ delivered: 7, rejected: 1, lastError: expect.stringContaining('413') })
  expect(heldOf(server, records)).toBe(7)
})

test('2.95.12, all refused: kept, and said what the matter is', async () => {
  const { server, client, records, stats } = await calls('2.95.12', { type: 'all-rejected' })
  await client.gateway.flush()
  expect(stats()).toMatchObject({
    queued: 7,
    rejected: 0,
    lastError: expect.stringMatching(/207 and stores nothing.*of OpenTelemetry neither: 404/),
  })
  server.clear()
  await until(() => stats()?.queued === 0, 'everything is delivered')
  expect(heldOf(server, records)).toBe(7)
})

test('4.16.0, all refused: each was asked about alone before it is lost', async () => {
  const { server, client, records, stats } = await calls('4.16.0', { type: 'all-rejected' })
  expect(await client.gateway.flush()).toBe(false)
  expect(stats()).toMatchObject({ delivered: 0, rejected: 7, queued: 0 })
  expect(stats()?.lastError).toMatch(/7 calls are lost: 400 from Langfuse/)
  expect(heldOf(server, records)).toBe(0)
})

test('a server that answers 207 and stores nothing is found out, said loudly, and gets OpenTelemetry', async () => {
  const server = await stand('4.16.0')
  // Something in front of it answers for its health.
  server.fault({ type: 'unauthorized', path: '/api/public/health' })
  const { client, records } = await setup({ langfuse: optionsFor(server) })
  for (let call = 0; call < 4; call += 1) await client.chat.completions.create(ask(`question ${call}`))
  expect(await client.gateway.flush()).toBe(true)
  expect(heldOf(server, records)).toBe(4)
  expect(client.gateway.stats().sinks?.langfuse).toMatchObject({ delivered: 4, rejected: 0, state: 'up' })
  expect(lines).toEqual([expect.stringMatching(/207 and stores nothing.*OpenTelemetry from now on/)])
  const before = server.requests.length
  await client.chat.completions.create(ask('one more'))
  expect(await client.gateway.flush()).toBe(true)
  expect(heldOf(server, records)).toBe(5)
  expect(server.requests.slice(before).map(({ path, events }) => [path, events])).toEqual([
    ['/api/public/otel/v1/traces', 1],
    ['/api/public/ingestion', 2],
  ])
})

test('the same with api: ingestion keeps the records and says what to do', async () => {
  const server = await stand('4.16.0')
  const { client } = await setup({ langfuse: { ...optionsFor(server), api: 'ingestion' } })
  await client.chat.completions.create(ask('lost?'))
  await client.gateway.flush()
  expect(client.gateway.stats().sinks?.langfuse).toMatchObject({
    queued: 1,
    rejected: 0,
    lastError: expect.stringMatching(/stores nothing.*'auto'.*WRITE_MODE=dual/),
  })
})

test('a server that is exchanged for another version is noticed', async () => {
  const old = await stand('2.95.12')
  const { client, records } = await setup({ langfuse: optionsFor(old) })
  await client.chat.completions.create(ask('old'))
  await client.gateway.flush()
  await old.stop()
  await client.chat.completions.create(ask('between'))
  await client.gateway.flush()
  const { port, publicKey, secretKey } = old
  const renewed = await startFakeLangfuse({ version: '4.16.0', port, publicKey, secretKey })
  await until(() => renewed.observations.size === 1, 'it arrives at the new one')
  await client.gateway.flush()
  expect(heldOf(renewed, records.slice(1))).toBe(1)
  await renewed.close()
})

test.each(VERSIONS)(
  '%s: down for long, the queue is bounded and what gave way is counted',
  async (version) => {
    const server = await stand(version)
    server.fault({ type: 'bad-gateway' })
    const { client, records } = await setup({ langfuse: optionsFor(server), queue: { maxReports: 40 } })
    for (let call = 0; call < 100; call += 1) await client.chat.completions.create(ask(`question ${call}`))
    await client.gateway.flush()
    const stats = () => client.gateway.stats().sinks?.langfuse
    const { queued = 0, dropped = 0, delivered } = stats() ?? {}
    expect(delivered).toBe(0)
    expect(queued).toBeLessThanOrEqual(40)
    expect(queued + dropped).toBe(100)
    server.clear()
    await until(() => stats()?.queued === 0, 'what was kept is delivered')
    expect(stats()).toMatchObject({ delivered: queued, dropped })
    expect(heldOf(server, records)).toBe(queued)
  },
)
