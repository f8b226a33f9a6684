import { withGateway } from '@hotdash/llm-gateway'
import type { FakeLangfuse } from '@hotdash/llm-gateway-testing'
import { expect, test } from 'vitest'
import { ask } from '../support.ts'
import { heldOf, traced, VERSIONS } from './kit.ts'

const only = <T>(of: Map<string, T>): T => {
  expect(of.size).toBe(1)
  return [...of.values()][0] as T
}
const byTime = ({ observations }: FakeLangfuse) =>
  [...observations.values()].toSorted((a, b) => Date.parse(a.endTime ?? '') - Date.parse(b.endTime ?? ''))

test.each(VERSIONS)('%s: one call is one trace, one generation and its scores', async (version) => {
  const { langfuse, client, records, sink } = await traced(version)
  await withGateway({ agent: 'seo', session: 'talk-1', user: 'u-7', tags: ['night'] }, () =>
    client.chat.completions.create({ ...ask('Where is order 17?'), temperature: 0.2 }),
  )
  expect(await client.gateway.flush()).toBe(true)
  expect(langfuse.malformed).toEqual([])
  const [record] = records
  const trace = only(langfuse.traces)
  expect(trace).toMatchObject({
    name: 'seo',
    userId: 'prod_background',
    sessionId: 'talk-1',
    tags: ['cache:miss', 'night'],
  })
  const generation = only(langfuse.observations)
  expect(generation).toMatchObject({
    traceId: trace.id,
    type: 'GENERATION',
    name: 'chat',
    model: 'gpt-4o-mini',
    modelParameters: { temperature: 0.2 },
    level: 'DEFAULT',
    input: [{ role: 'user', content: 'Where is order 17?' }],
    output: { role: 'assistant' },
    tokens: { input: record?.usage?.input, output: record?.usage?.output },
    costUsd: record?.costUsd,
    metadata: { call: record?.id, cache: 'miss', route: 'default', user: 'u-7', agent: 'seo' },
  })
  expect([...langfuse.scores.values()]).toMatchObject([
    { name: 'cache', dataType: 'CATEGORICAL', stringValue: 'miss', observationId: generation.id },
    { name: 'cache_hit', dataType: 'BOOLEAN', value: 0, traceId: trace.id },
  ])
  expect(sink()).toMatchObject({ delivered: 1, queued: 0, rejected: 0, failures: 0, state: 'up' })
})

test.each(VERSIONS)(
  '%s: a hit costs nothing and took no tokens, and its text is not counted',
  async (version) => {
    const { langfuse, client, records } = await traced(version)
    await client.chat.completions.create(ask('twice'))
    await client.chat.completions.create(ask('twice'))
    await client.gateway.flush()
    const [, hit] = byTime(langfuse)
    expect(hit).toMatchObject({
      model: 'gpt-4o-mini',
      tokens: { input: 0, output: 0, total: 0 },
      costUsd: 0,
      metadata: { cache: 'exact', savedUsd: records[1]?.savedUsd },
    })
    expect(hit?.output).toBeDefined()
    expect(
      [...langfuse.scores.values()].filter(({ name }) => name === 'cache_hit').map(({ value }) => value),
    ).toEqual([0, 1])
  },
)

test.each(VERSIONS)('%s: calls within one withGateway share a trace', async (version) => {
  const { langfuse, client } = await traced(version)
  await withGateway({ agent: 'support' }, async () => {
    await client.chat.completions.create(ask('outer'))
    await withGateway({ tags: ['inner'] }, () => client.chat.completions.create(ask('inner')))
  })
  await client.chat.completions.create(ask('elsewhere'))
  await client.gateway.flush()
  expect(langfuse.traces.size).toBe(2)
  const [outer, inner, elsewhere] = byTime(langfuse)
  expect(outer?.traceId).toBe(inner?.traceId)
  expect(elsewhere?.traceId).not.toBe(outer?.traceId)
})

test.each(VERSIONS)('%s: failures, refusals and unknown prices are told from success', async (version) => {
  const { langfuse, client, upstream, records } = await traced(version, {
    policy: { teams: { tight: { agents: ['tight'], rpm: 1 } }, routing: { fallback: false } },
  })
  upstream.fail({ type: 'status', status: 500 })
  await expect(client.chat.completions.create(ask('broken'), { maxRetries: 0 })).rejects.toThrow()
  await client.chat.completions.create({ ...ask('who prices this?'), model: 'nobody-knows-1' })
  for (const text of ['first', 'second'])
    await client.chat.completions
      .create(ask(text), { headers: { 'x-gateway-agent': 'tight' }, maxRetries: 0 })
      .catch(() => undefined)
  await client.models.list()
  await client.gateway.flush()
  expect(langfuse.malformed).toEqual([])
  const seen = new Map([...langfuse.observations.values()].map((each) => [each.metadata.call, each]))
  const [failed, unpriced, , refused, passed] = records.map(({ id }) => seen.get(id))
  expect(failed).toMatchObject({
    level: 'ERROR',
    statusMessage: 'http_500',
    tokens: { total: 0 },
    costUsd: 0,
  })
  expect(unpriced?.model).toBe('nobody-knows-1 (no price)')
  expect(unpriced?.costUsd).toBeUndefined()
  expect(unpriced?.metadata.costUsd).toBe('unknown')
  expect(refused).toMatchObject({ level: 'WARNING', statusMessage: 'gateway_rpm_exceeded', costUsd: 0 })
  expect(passed).toMatchObject({ name: 'other', costUsd: 0, metadata: { path: '/v1/models' } })
  expect(passed?.model).toBeUndefined()
})

test('both versions work out the same tokens and cost, and they are ours', async () => {
  const totals = await Promise.all(
    VERSIONS.map(async (version) => {
      const { langfuse, client, records } = await traced(version)
      for (let call = 0; call < 40; call += 1)
        await client.chat.completions.create(ask(`question ${call % 25} ${'long '.repeat((call % 25) * 40)}`))
      await client.embeddings.create({ model: 'text-embedding-3-large', input: 'vector' })
      for await (const _ of await client.chat.completions.create({ ...ask('streamed'), stream: true }));
      await client.gateway.flush()
      expect(langfuse.malformed).toEqual([])
      expect(heldOf(langfuse, records)).toBe(42)
      const observations = [...langfuse.observations.values()]
      const sum = (of: (each: (typeof observations)[number]) => number | undefined) =>
        observations.reduce((sum, each) => sum + (of(each) ?? 0), 0)
      const ours = records.filter(({ cache }) => cache === 'miss')
      const total = {
        cost: sum(({ costUsd }) => Math.round((costUsd ?? Number.NaN) * 1e9)),
        input: sum(({ tokens }) => tokens.input),
        output: sum(({ tokens }) => tokens.output),
        all: sum(({ tokens }) => tokens.total),
      }
      expect(total).toEqual({
        cost: Math.round(client.gateway.stats().costUsd * 1e9),
        input: ours.reduce((sum, { usage }) => sum + (usage?.input ?? 0), 0),
        output: ours.reduce((sum, { usage }) => sum + (usage?.output ?? 0), 0),
        all: total.input + total.output,
      })
      expect(total.cost).toBeGreaterThan(0)
      return total
    }),
  )
  expect(totals[0]).toEqual(totals[1])
})

test.each(VERSIONS)('%s: the time to the first token of a stream is there', async (version) => {
  const { langfuse, client, records } = await traced(version)
  for await (const _ of await client.chat.completions.create({ ...ask('streamed'), stream: true }));
  await client.gateway.flush()
  const { startTime, completionStartTime, endTime } = only(langfuse.observations)
  const after = Date.parse(completionStartTime ?? '') - Date.parse(startTime ?? '')
  // Both ends of it were rounded.
  expect(Math.abs(after - (records[0]?.firstTokenMs ?? Number.NaN))).toBeLessThanOrEqual(1)
  expect(Date.parse(endTime ?? '')).toBeGreaterThanOrEqual(Date.parse(completionStartTime ?? ''))
})

test.each(VERSIONS)('%s: an answer that came by another model says so', async (version) => {
  const { langfuse, client, upstream } = await traced(version)
  await client.chat.completions.create(ask('word '.repeat(3_000)))
  upstream.fail({ type: 'status', status: 503 })
  await client.chat.completions.create(ask('short'))
  await client.gateway.flush()
  const [escalated, failover] = byTime(langfuse)
  expect(escalated).toMatchObject({
    model: 'gpt-4o',
    metadata: { route: 'escalated', escalated: true, modelAsked: 'gpt-4o-mini' },
  })
  expect(failover).toMatchObject({ metadata: { route: 'failover', failover: true } })
  const attempts = failover?.metadata.attempts
  const list: unknown = typeof attempts === 'string' ? JSON.parse(attempts) : attempts
  expect(list).toMatchObject([{ status: 503 }, { status: 200 }])
})
