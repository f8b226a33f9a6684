import { readMetrics } from '@hotdash/llm-gateway/metrics'
import { type FakeLangfuse, startFakeLangfuse } from '@hotdash/llm-gateway-testing'
import { afterEach, expect, test } from 'vitest'
import { type Collector, startCollector } from '../collector.ts'
import { allowLogInFile } from '../console.ts'
import { type Dollars, none } from '../cost/bills.ts'
import { type Day, liveThrough } from '../cost/day.ts'
import { nano, policy, TEAMS, type Team, UNLIMITED } from '../cost/kit.ts'
import { allAgree, budget, type Ledger, records } from '../cost/ledgers.ts'
import { runs } from '../runs.ts'
import { type Supabase, startSupabase } from '../supabase/server.ts'
import { ask, setup, until } from '../support.ts'
import { type RedisServer, startRedis } from './server.ts'

allowLogInFile('GW_SINK_ERROR')

const open: { close: () => unknown }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
})
const opened = <T extends { close: () => unknown }>(thing: T): T => {
  open.push(thing)
  return thing
}

/** Tests share the machine: how long it takes is not what is tested. */
const patient = ({ url: redis }: RedisServer) => ({ redis, deadlines: { redisMs: 5_000 } })

/** What the quota has settled. What is in doubt is beside it. */
const settled = ({ admin }: RedisServer): Ledger => ({
  name: 'quota',
  async read() {
    const dollars = none()
    for (const team of Object.keys(TEAMS) as Team[])
      dollars[team] = Number(await admin.hget(`gw:{${team}}:quota`, 'spent'))
    return dollars
  },
})

const metrics = ({ url }: RedisServer): Ledger => ({
  name: 'metrics',
  async read({ client }) {
    const dollars = none()
    // They keep their own rhythm, which flush() leaves alone.
    const { delivered = 0, queued = 0 } = client.gateway.stats().sinks?.metrics ?? {}
    await until(
      () => client.gateway.stats().sinks?.metrics?.delivered === delivered + queued,
      'all is counted',
    )
    const { rows } = await readMetrics(url, { from: Date.now() - 3_600_000, to: Date.now() + 60_000 })
    let saved = 0
    let unpriced = 0
    for (const { team, costUsd, savedUsd, unpriced: unknown } of rows) {
      if (team !== UNLIMITED.name) dollars[team as Team] += nano(costUsd)
      saved += nano(savedUsd)
      unpriced += unknown
    }
    const stats = client.gateway.stats()
    expect({ saved, unpriced }).toEqual({ saved: nano(stats.savedUsd), unpriced: stats.unpriced })
    return dollars
  },
})

/** What a place says of one call, in billionths; without a cost where it has none. */
type Told = { id: string; team: string; cost?: number; saved?: number }
type Place = { name: string; read: () => Told[] | Promise<Told[]> }

/** The user of a trace is the team. */
const traced = ({ observations, traces }: FakeLangfuse): Place => ({
  name: 'Langfuse',
  read: () =>
    [...observations.values()].map(({ traceId, costUsd, metadata }) => ({
      id: String(metadata.call),
      team: String(traces.get(traceId)?.userId),
      ...(costUsd === undefined ? {} : { cost: nano(costUsd) }),
      ...(metadata.savedUsd === undefined ? {} : { saved: nano(Number(metadata.savedUsd)) }),
    })),
})

const spans = ({ received }: Collector): Place => ({
  name: 'OpenTelemetry',
  read: () =>
    received
      .flatMap(({ spans }) => spans)
      .map(({ attributes: { [COST]: cost, [SAVED]: saved, ...told } }) => ({
        id: String(told['llm_gateway.call_id']),
        team: String(told['llm_gateway.team']),
        ...(cost === undefined ? {} : { cost: nano(Number(cost)) }),
        ...(saved === undefined ? {} : { saved: nano(Number(saved)) }),
      })),
})
const COST = 'llm_gateway.cost_usd'
const SAVED = 'llm_gateway.saved_usd'

const rows = ({ sql }: Supabase): Place => ({
  name: 'llm_usage',
  async read() {
    const rows = await sql(
      'select request_id, team, cost_usd::text as cost, saved_usd::text as saved from llm_usage',
    )
    // Nine decimals, always: without the point they are whole billionths.
    const whole = (text: unknown) => (text === null ? undefined : Number(String(text).replace('.', '')))
    return rows.map(({ request_id, team, cost, saved }) => {
      const [paid, spared] = [whole(cost), whole(saved)]
      return {
        id: String(request_id),
        team: String(team),
        ...(paid === undefined ? {} : { cost: paid }),
        ...(spared ? { saved: spared } : {}),
      }
    })
  },
})

/** Of every call the same, to the last digit; what is unknown stays unknown. */
async function sameOfEach({ records }: Day, { name, read }: Place) {
  const expected = records.map(({ id, team, costUsd, savedUsd }) => ({
    id,
    team,
    ...(costUsd === undefined ? {} : { cost: nano(costUsd) }),
    ...(savedUsd ? { saved: nano(savedUsd) } : {}),
  }))
  const byId = (told: Told[]) =>
    new Map(told.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map((one) => [one.id, one]))
  expect({ [name]: byId(await read()) }).toEqual({ [name]: byId(expected) })
}

const ledgerOf = ({ name, read }: Place): Ledger => ({
  name,
  async read() {
    const dollars: Dollars = none()
    for (const { team, cost } of await read()) if (team !== UNLIMITED.name) dollars[team as Team] += cost ?? 0
    return dollars
  },
})

test.each(days())(
  'day %i: records, quota, budgets, metrics, Langfuse %s, OpenTelemetry, llm_usage and headers tell of the dollars that upstream would bill',
  async (seed, version) => {
    const redis = opened(await startRedis())
    const langfuse = opened(await startFakeLangfuse({ version }))
    const collector = opened(await startCollector())
    const supabase = opened(await startSupabase())
    const { baseURL: baseUrl, publicKey, secretKey } = langfuse
    const gateway = {
      ...patient(redis),
      langfuse: { baseUrl, publicKey, secretKey },
      otel: { url: collector.url },
      supabase: { url: supabase.url, secretKey: supabase.keys.secret },
    }
    const day = opened(await liveThrough({ seed, calls: 400, doubts: false, gateway }))
    expect(await day.client.gateway.flush(30_000)).toBe(true)
    const places = [traced(langfuse), spans(collector), rows(supabase)]
    for (const place of places) await sameOfEach(day, place)
    await allAgree(day, [records, settled(redis), metrics(redis), ...places.map(ledgerOf), budget])
    expect(day.unpriced).toBeGreaterThan(0)
    for (const model of [
      'gpt-audio',
      'gpt-5.6',
      'gpt-5-nano',
      'gpt-3.5-turbo-instruct',
      'text-embedding-3-large',
    ])
      expect(day.records.some((record) => record.model === model && (record.costUsd ?? 0) > 0)).toBe(true)
  },
)

function days(): [seed: number, version: '4.16.0' | '2.95.12'][] {
  return Array.from({ length: runs(2) }, (_, at) => [11 + at, at % 2 === 0 ? '4.16.0' : '2.95.12'])
}

test('a day on which the work of upstream is not fully known: known costs agree, and the rest is unconfirmed, not spent', async () => {
  const redis = opened(await startRedis())
  const day = opened(await liveThrough({ seed: 21, calls: 400, doubts: true, gateway: patient(redis) }))
  await allAgree(day, [records, settled(redis), metrics(redis)])
  expect(day.troubles.reset).toBeGreaterThan(0)
  expect(day.troubles.timeout).toBeGreaterThan(0)
  const held = await budget.read(day)
  for (const team of Object.keys(TEAMS) as Team[]) {
    const doubt = Number(await redis.admin.hget(`gw:{${team}}:quota`, 'doubt'))
    expect(doubt).toBeGreaterThan(0)
    expect(held[team]).toBe(day.billed[team] + doubt)
  }
})

/** Each call asks Redis: none is admitted by a lease. */
const unleased = {
  ...policy,
  teams: Object.fromEntries(
    Object.entries(policy.teams ?? {}).map(([team, limits]) => [
      team,
      { ...limits, onRedisUnavailable: { leased: 0 } },
    ]),
  ),
}

test('a call that is given up while the quota is asked never leaves, and costs nothing anywhere', async () => {
  const redis = opened(await startRedis())
  const gateway = {
    agent: 'ann',
    policy: unleased,
    redis: redis.url,
    deadlines: { redisMs: 400 },
    cache: false as const,
  }
  const { client, upstream, records } = await setup(gateway)
  await client.chat.completions.create({ ...ask('first'), max_tokens: 100 })
  await client.gateway.flush()
  const controller = new AbortController()
  redis.pause()
  const asked = client.chat.completions.create(
    { ...ask('second'), max_tokens: 100 },
    { signal: controller.signal },
  )
  setTimeout(() => controller.abort(), 50)
  await expect(asked).rejects.toThrow('aborted')
  redis.resume()
  await client.gateway.flush()
  expect(upstream.count()).toBe(1)
  expect(records[1]).toMatchObject({ status: 'aborted', costUsd: 0, attempts: [], estimated: false })
  expect(Number(await redis.admin.hget('gw:{one}:quota', 'spent'))).toBe(nano(records[0]?.costUsd))
  await client.gateway.close()
})
