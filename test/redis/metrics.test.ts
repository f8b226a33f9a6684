import { type CallRecord, createGatewayClient } from '@hotdash/llm-gateway'
import { readMetrics } from '@hotdash/llm-gateway/metrics'
import type { Sink } from '@hotdash/llm-gateway/sinks'
import fc from 'fast-check'
import type { Redis } from 'ioredis'
import { afterEach, describe, expect, test } from 'vitest'
import { createRedisConnection, type RedisConnection } from '#src/redis/connection.ts'
import { createMetricsSink } from '#src/sinks/metrics/sink.ts'
import { DeliveryError, type Report } from '#src/sinks/sink.ts'
import { allowLog } from '../console.ts'
import { runs } from '../runs.ts'
import { ask, setup, until } from '../support.ts'
import { fill } from './quota-kit.ts'
import { type RedisServer, startCluster, startRedis } from './server.ts'

const open: { close: () => unknown }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
})
const opened = <T extends { close: () => unknown }>(thing: T): T => {
  open.push(thing)
  return thing
}
const server = async (args?: string[]): Promise<RedisServer> => opened(await startRedis(args))
const linkTo = (url: string, deadlineMs = 2_000) =>
  opened(createRedisConnection(url, { deadlineMs, connectMs: 2_000, onChange: () => undefined }))
const sinkAt = (link: RedisConnection, keepHours = 26) =>
  createMetricsSink(link, { flushSeconds: 5, keepHours, keyLocking: false })

const now = Date.now()
const DAY = { from: now - 25 * 3_600_000, to: now + 60_000 }
const signal = new AbortController().signal

const record = (some: Partial<CallRecord> = {}): CallRecord => ({
  id: crypto.randomUUID(),
  startedAt: now - 60_000,
  agent: 'support',
  team: 'prod_customer',
  tags: [],
  operation: 'chat',
  path: '/v1/chat/completions',
  stream: false,
  model: 'gpt-4o-mini',
  route: 'default',
  cache: 'miss',
  usage: { input: 100, cachedInput: 20, audioInput: 0, output: 50, reasoning: 10, audioOutput: 0 },
  estimated: false,
  costUsd: 0.000042,
  savedUsd: 0,
  latencyMs: 800,
  attempts: [{ model: 'gpt-4o-mini', status: 200, latencyMs: 700 }],
  status: 'ok',
  ...some,
})
const report = (some?: Partial<CallRecord>): Report => ({ record: record(some), parameters: {} })
const write = (sink: Sink, reports: Report[]) => sink.deliver(reports, signal)
const nano = (usd: number) => Math.round(usd * 1e9)

const money = fc.integer({ min: 0, max: 5_000_000_000 }).map((nano) => nano / 1e9)
const calls: fc.Arbitrary<CallRecord> = fc
  .record({
    at: fc.integer({ min: now - 24 * 3_600_000, max: now - 60_000 }),
    agent: fc.constantFrom('support', 'seo', 'ads', 'ceo-insights'),
    team: fc.constantFrom('prod_customer', 'prod_background'),
    operation: fc.constantFrom('chat' as const, 'embeddings' as const, 'other' as const),
    cache: fc.constantFrom('miss', 'exact', 'semantic', 'flight', 'stale', 'bypass' as const),
    status: fc.constantFrom('ok', 'refused', 'aborted', 'failed' as const),
    error: fc.constantFrom(
      'gateway_rpm_exceeded',
      'gateway_queue_full',
      'TypeError: fetch failed ECONNREFUSED',
    ),
    costUsd: money,
    savedUsd: money,
    latencyMs: fc.double({ min: 0.01, max: 50_000, noNaN: true }),
    input: fc.nat(100_000),
    output: fc.nat(16_000),
    estimated: fc.boolean(),
    priced: fc.boolean(),
  })
  .map(({ input, output, priced, costUsd, ...rest }) => {
    const usage = {
      input,
      cachedInput: input >> 1,
      audioInput: 0,
      output,
      reasoning: output >> 2,
      audioOutput: 0,
    }
    const { costUsd: _, ...whole } = record({ ...rest, usage })
    return priced ? { ...whole, costUsd } : whole
  })

const sumOf = (records: CallRecord[], of: (record: CallRecord) => number) =>
  records.reduce((sum, record) => sum + of(record), 0)
const isHit = ({ cache }: CallRecord) => cache !== 'miss' && cache !== 'bypass'

/** What Redis should say, reckoned from the records and nothing else. */
function expected(records: CallRecord[]) {
  const count = (holds: (record: CallRecord) => boolean) => records.filter(holds).length
  const asked = records.filter((record) => !isHit(record))
  const refusals = records
    .filter(({ status }) => status === 'refused')
    .map(({ error = '' }) => (/^\w+$/.test(error) ? error : 'other'))
  return {
    calls: records.length,
    errors: count(({ status }) => status === 'failed'),
    aborted: count(({ status }) => status === 'aborted'),
    refused: refusals.length,
    refusals: Object.fromEntries(
      [...new Set(refusals)].map((code) => [code, refusals.filter((each) => each === code).length]),
    ),
    hits: Object.fromEntries(
      (['exact', 'semantic', 'flight', 'stale'] as const).map((kind) => [
        kind,
        count(({ cache }) => cache === kind),
      ]),
    ),
    tokens: {
      input: sumOf(asked, ({ usage }) => usage?.input ?? 0),
      cachedInput: sumOf(asked, ({ usage }) => usage?.cachedInput ?? 0),
      output: sumOf(asked, ({ usage }) => usage?.output ?? 0),
      reasoning: sumOf(asked, ({ usage }) => usage?.reasoning ?? 0),
    },
    costUsd: sumOf(records, ({ costUsd = 0 }) => nano(costUsd)) / 1e9,
    savedUsd: sumOf(records, ({ savedUsd = 0 }) => nano(savedUsd)) / 1e9,
    embeddingUsd:
      sumOf(records, ({ operation, costUsd = 0 }) => (operation === 'embeddings' ? nano(costUsd) : 0)) / 1e9,
    unpriced: count(({ costUsd }) => costUsd === undefined),
    estimated: count(({ estimated }) => estimated),
    degraded: 0,
    upstream: sumOf(records, ({ attempts }) => attempts.length),
  }
}

describe('sums', () => {
  test('a sum that whole numbers cannot hold ends at the largest, in a process, in Redis and in what is read', async () => {
    const redis = await server()
    const sink = sinkAt(linkTo(redis.url))
    const most = Number.MAX_SAFE_INTEGER / 1e9
    const costUsd = 4_000_000
    await write(sink, [report({ costUsd })])
    const sum = async () => (await readMetrics(redis.admin as Redis, DAY)).summary.costUsd
    expect(await sum()).toBe(costUsd)
    await write(sink, [
      report({ costUsd, agent: 'seo' }),
      report({ costUsd, agent: 'seo' }),
      report({ costUsd, agent: 'seo' }),
    ])
    expect(await sum()).toBe(most)
    await write(sink, [report({ costUsd })])
    await write(sink, [report({ costUsd: 1e30 })])
    const { rows } = await readMetrics(redis.admin as Redis, DAY)
    expect(rows.map((row) => row.costUsd)).toEqual([most, most])
  })

  test('over any day and any number of processes, sums are exactly those of the records', async () => {
    const redis = await server()
    const links = [0, 1, 2].map(() => linkTo(redis.url))
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(calls, { maxLength: 60 }), { minLength: 1, maxLength: 6 }),
        async (batches) => {
          await redis.admin.flushall()
          const sinks = links.map((link) => sinkAt(link))
          await Promise.all(
            sinks.map(async (sink, member) => {
              for (const batch of batches.filter((_, at) => at % sinks.length === member))
                if (batch.length > 0)
                  await write(
                    sink,
                    batch.map((record) => ({ record, parameters: {} })),
                  )
            }),
          )
          const records = batches.flat()
          const { rows, summary } = await readMetrics(redis.admin as Redis, DAY)
          expect(summary).toMatchObject(expected(records))
          for (const row of rows) {
            const own = records.filter(
              ({ team, agent, startedAt: at, latencyMs }) =>
                team === row.team &&
                agent === row.agent &&
                Math.floor((at + latencyMs) / 60_000) * 60_000 === row.at,
            )
            expect(row).toMatchObject(expected(own))
          }
          const hours = await readMetrics(redis.admin as Redis, { ...DAY, by: 'hour' })
          expect(hours.summary).toEqual(summary)
          const one = await readMetrics(redis.admin as Redis, {
            ...DAY,
            team: 'prod_background',
            agent: 'seo',
          })
          expect(one.summary).toMatchObject(
            expected(records.filter(({ team, agent }) => team === 'prod_background' && agent === 'seo')),
          )
        },
      ),
      { numRuns: runs(25) },
    )
  })

  test('latency of hits and of upstream are told apart, refusals have none', async () => {
    const redis = await server()
    await write(sinkAt(linkTo(redis.url)), [
      ...Array.from({ length: 98 }, () => report({ cache: 'exact', latencyMs: 1 })),
      report({ latencyMs: 1_000 }),
      report({ latencyMs: 2_000 }),
      ...Array.from({ length: 500 }, () =>
        report({ status: 'refused', error: 'gateway_rpm_exceeded', latencyMs: 0.1 }),
      ),
    ])
    const { latency, upstreamLatency } = (await readMetrics(redis.url, DAY)).summary
    for (const [told, truth] of [
      [latency?.p50, 1],
      [latency?.p99, 1_000],
      [upstreamLatency?.p50, 1_000],
      [upstreamLatency?.p99, 2_000],
    ] as const)
      expect(Math.abs((told ?? 0) - truth) / truth).toBeLessThan(0.048)
  })
})

describe('a write', () => {
  test('is one command, however many calls, teams and minutes it holds', async () => {
    const redis = await server()
    const sink = sinkAt(linkTo(redis.url))
    await write(sink, [report()])
    await redis.admin.config('RESETSTAT')
    for (let flush = 0; flush < 3; flush += 1)
      await write(
        sink,
        Array.from({ length: 300 }, (_, at) =>
          report({ startedAt: now - at * 10_000, agent: `agent ${at % 9}` }),
        ),
      )
    expect(Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.admin.info('commandstats'))?.[1])).toBe(3)
    expect((await readMetrics(redis.url, DAY)).summary.calls).toBe(901)
  })

  test('leaves no key without a time to live', async () => {
    const redis = await server()
    await write(sinkAt(linkTo(redis.url), 2), [report(), report({ startedAt: now - 3_600_000 })])
    const keys = await redis.admin.keys('*')
    expect(keys.map((key) => key.replace(/\d+$|[\w-]{36}$/, '…')).toSorted()).toEqual(
      expect.arrayContaining(['gw:{metrics}:hour:…', 'gw:{metrics}:minute:…', 'gw:{metrics}:writer:…']),
    )
    for (const key of keys) {
      const hours = (await redis.admin.pttl(key)) / 3_600_000
      expect(hours).toBeGreaterThan(0.9)
      expect(hours).toBeLessThanOrEqual(key.includes('hour') ? 35 * 24 : 2)
    }
  })

  test('that happened, and whose reply was lost, counts once', async () => {
    const redis = await server()
    const link = linkTo(redis.url, 50)
    const sink = sinkAt(link)
    await write(sink, [report()])
    const batch = [report(), report()]
    // Redis reads the command when it wakes up, long after we have given it up.
    redis.pause()
    await expect(write(sink, batch)).rejects.toThrow(DeliveryError)
    redis.resume()
    await until(() => link.stats().state === 'up', 'recovery')
    const more = [...batch, report()]
    const delivery = await write(sink, more)
    expect(delivery?.retry).toEqual([more[2]])
    await write(sink, [...(delivery?.retry ?? [])])
    expect((await readMetrics(redis.url, DAY)).summary.calls).toBe(4)
  })

  test('that never arrived is made up for', async () => {
    const redis = await server(['--appendonly', 'yes', '--appendfsync', 'always'])
    const link = linkTo(redis.url)
    const sink = sinkAt(link)
    await write(sink, [report()])
    await redis.kill()
    const batch = [report(), report()]
    for (let tries = 0; tries < 3; tries += 1) await expect(write(sink, batch)).rejects.toThrow(DeliveryError)
    await redis.restart()
    await until(() => link.stats().state === 'up', 'recovery')
    await write(sink, batch)
    expect((await readMetrics(redis.url, DAY)).summary.calls).toBe(3)
  })

  test('repeated by hand under its number adds nothing, and by another process adds again', async () => {
    const redis = await server()
    const link = linkTo(redis.url)
    let sent: unknown[] = []
    const spy: RedisConnection = {
      ...link,
      run: (command) =>
        link.run((client) =>
          command(
            new Proxy(client, {
              get(target, name) {
                const value = Reflect.get(target, name)
                if (name !== 'evalsha' && name !== 'eval') return value
                return (...args: unknown[]) => {
                  sent = [name, ...args]
                  return Reflect.apply(value as () => unknown, target, args)
                }
              },
            }),
          ),
        ),
    }
    await write(sinkAt(spy), [report(), report()])
    const [command, ...args] = sent as [string, ...string[]]
    expect(await redis.admin.call(command, ...args)).toBe(0)
    const [script = '', keys = '', writer = '', ...rest] = args
    expect(await redis.admin.call(command, script, keys, `${writer}2`, ...rest)).toBe(1)
    expect((await readMetrics(redis.url, DAY)).summary.calls).toBe(4)
  })

  test('goes on after SCRIPT FLUSH, FLUSHALL, and garbage in its places', async () => {
    const redis = await server()
    const sink = sinkAt(linkTo(redis.url))
    await write(sink, [report()])
    await redis.admin.script('FLUSH')
    await write(sink, [report()])
    expect((await readMetrics(redis.url, DAY)).summary.calls).toBe(2)
    await redis.admin.flushall()
    await write(sink, [report()])
    const [minute = ''] = await redis.admin.keys('gw:{metrics}:minute:*')
    const [hour = ''] = await redis.admin.keys('gw:{metrics}:hour:*')
    const [writer = ''] = await redis.admin.keys('gw:{metrics}:writer:*')
    await redis.admin.set(minute, 'no hash')
    await redis.admin.hset(
      hour,
      'prod_customer/support',
      'calls= =3 \u0000 calls=x',
      'no row',
      'x',
      '%zz/%',
      'calls=1',
    )
    await redis.admin.lpush(`${writer}x`, 'x')
    await redis.admin.rename(`${writer}x`, writer)
    await write(sink, [report()])
    expect((await readMetrics(redis.url, DAY)).summary.calls).toBe(1)
    expect((await readMetrics(redis.url, { ...DAY, by: 'hour' })).summary.calls).toBe(1)
  })

  test('a full Redis takes no calls, and they are counted once there is room', async () => {
    const redis = await server()
    const link = linkTo(redis.url)
    const sink = sinkAt(link)
    await fill(redis.admin)
    const batch = [report()]
    await expect(write(sink, batch)).rejects.toThrow(/OOM/)
    expect(link.stats().state).toBe('up')
    await redis.admin.config('SET', 'maxmemory', '0')
    await write(sink, batch)
    expect((await readMetrics(redis.url, DAY)).summary.calls).toBe(1)
  })

  test('works in a cluster', async () => {
    const cluster = opened(await startCluster())
    const sink = sinkAt(linkTo(cluster.url))
    await write(sink, [report(), report({ startedAt: now - 7_200_000 })])
    expect((await readMetrics(cluster.url, DAY)).summary.calls).toBe(2)
  })
})

describe('names', () => {
  test('hostile ones are told as they are, and no key or row is theirs to choose', async () => {
    const redis = await server()
    const names = [
      'a/b',
      '}{',
      '*',
      '',
      ' calls=9',
      '%',
      '%2F',
      'ünï',
      '\ud800',
      '(others)',
      'x'.repeat(5_000),
    ]
    await write(
      sinkAt(linkTo(redis.url)),
      names.map((name) => report({ agent: name, team: name, error: name, status: 'refused' })),
    )
    const { rows } = await readMetrics(redis.url, DAY)
    expect(new Set(rows.map(({ agent }) => agent))).toEqual(
      new Set(names.map((name) => name.slice(0, 100).toWellFormed())),
    )
    for (const { agent, team, calls } of rows) expect([team, calls]).toEqual([agent, 1])
    for (const key of await redis.admin.keys('*'))
      expect(key).toMatch(/^gw:\{metrics\}:(minute|hour|writer):[\w-]+$/)
  })

  test('beyond 100 rows a minute, agents count as others; no call is lost', async () => {
    const redis = await server()
    const link = linkTo(redis.url)
    for (const process of [1, 2])
      await write(
        sinkAt(link),
        Array.from({ length: 900 }, (_, at) => report({ agent: `${process}-${at}` })),
      )
    const { rows, summary } = await readMetrics(redis.url, DAY)
    expect(rows).toHaveLength(101)
    expect(summary.calls).toBe(1_800)
    expect(rows.find(({ agent }) => agent === '(others)')?.calls).toBe(1_700)
  })
})

describe('in a gateway', () => {
  test('calls of several clients add up, and one can be switched off', async () => {
    const redis = await server()
    const clients = await Promise.all(
      [{}, { agent: 'seo' }, { metrics: false as const }].map((gateway) =>
        setup({ redis: redis.url, ...gateway }),
      ),
    )
    for (const { client } of clients) {
      await client.chat.completions.create(ask('one'))
      await client.chat.completions.create(ask('one'))
      await client.embeddings.create({ model: 'text-embedding-3-large', input: 'a text' })
      expect(await client.gateway.flush()).toBe(true)
    }
    // They keep their own rhythm, which flush() leaves alone.
    await Promise.all(clients.map(({ client }) => client.gateway.close()))
    const records = clients.slice(0, 2).flatMap(({ records }) => records)
    const { summary } = await readMetrics(redis.url, { from: now - 60_000, to: Date.now() + 60_000 })
    expect(summary).toMatchObject(expected(records))
    expect(summary.embeddingUsd).toBeGreaterThan(0)
    expect(clients[0]?.client.gateway.stats().sinks?.metrics).toMatchObject({ delivered: 3, queued: 0 })
    expect(clients[2]?.client.gateway.stats().sinks).toBeUndefined()
  })

  test('while Redis is away calls are kept, as many as fit, and the rest is counted as dropped', async () => {
    allowLog('GW_REDIS_BACK', 'GW_REDIS_UNAVAILABLE', 'GW_SINK_BACK', 'GW_SINK_DOWN', 'GW_SINK_DROPPED')
    const redis = await server()
    const { client } = await setup({
      redis: redis.url,
      // All that is left of its minute is this process's own.
      quota: { processes: 1 },
      metrics: { flushSeconds: 0.05 },
      queue: { maxReports: 20 },
    })
    await client.chat.completions.create(ask('first'))
    await until(() => client.gateway.stats().sinks?.metrics?.delivered === 1, 'the first is counted')
    await redis.kill()
    for (let call = 0; call < 30; call += 1) await client.chat.completions.create(ask(`call ${call}`))
    const away = client.gateway.stats().sinks?.metrics
    expect(away?.dropped).toBeGreaterThan(0)
    expect((away?.queued ?? 0) + (away?.dropped ?? 0)).toBe(30)
    await redis.restart()
    await until(() => client.gateway.stats().sinks?.metrics?.queued === 0, 'they are delivered')
    const { summary } = await readMetrics(redis.url, { from: now - 60_000, to: Date.now() + 60_000 })
    // The write that Redis never confirmed is repeated whole, whatever has been given up of it since.
    expect(summary.calls).toBeGreaterThanOrEqual(30 - (away?.dropped ?? 0))
    expect(summary.calls).toBeLessThanOrEqual(30)
    await client.gateway.close()
  })

  test('options that make no sense are refused', () => {
    const client = (metrics: object) => () => createGatewayClient({ apiKey: 'k', gateway: { metrics } })
    expect(client({ flushSeconds: 0 })).toThrow(/metrics/)
    expect(client({ keepHours: 1e6 })).toThrow(/metrics/)
    expect(client({ every: 5 })).toThrow(/metrics/)
  })

  test('an invalid span of time is refused', async () => {
    await expect(readMetrics('redis://127.0.0.1:1', { from: now, to: now - 1e6 })).rejects.toThrow(RangeError)
    await expect(readMetrics('redis://127.0.0.1:1', { from: Number.NaN, to: now })).rejects.toThrow(
      RangeError,
    )
    await expect(readMetrics('redis://127.0.0.1:1', { from: 0, to: now })).rejects.toThrow(RangeError)
  })
})
