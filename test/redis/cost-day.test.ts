import { readMetrics } from '@hotdash/llm-gateway'
import { type FakeLangfuse, startFakeLangfuse } from '@hotdash/llm-gateway-testing'
import { afterEach, expect, test } from 'vitest'
import { liveThrough, none } from '../cost/day.ts'
import { nano, policy, TEAMS, type Team } from '../cost/kit.ts'
import { allAgree, budget, type Ledger, records } from '../cost/ledgers.ts'
import { type Supabase, startSupabase } from '../supabase/server.ts'
import { ask, setup, until } from '../support.ts'
import { type RedisServer, startRedis } from './server.ts'

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
      15_000,
    )
    const { rows } = await readMetrics(url, { from: Date.now() - 3_600_000, to: Date.now() + 60_000 })
    for (const { team, costUsd } of rows) dollars[team as Team] += nano(costUsd)
    return dollars
  },
})

/** By team, which is the user of a trace. */
const traced = ({ observations, traces }: FakeLangfuse): Ledger => ({
  name: 'Langfuse',
  read() {
    const dollars = none()
    for (const { traceId, costUsd } of observations.values())
      dollars[traces.get(traceId)?.userId as Team] += nano(costUsd)
    return dollars
  },
})

const rows = ({ sql }: Supabase): Ledger => ({
  name: 'llm_usage',
  async read() {
    const dollars = none()
    const sums = await sql(
      'select team, (sum(cost_usd) * 1000000000)::bigint as nano from llm_usage group by team',
    )
    for (const { team, nano } of sums) dollars[team as Team] = Number(nano)
    return dollars
  },
})

test.each([
  [11, '4.16.0'],
  [12, '2.95.12'],
] as const)(
  'day %i: records, quota, budgets, metrics, Langfuse %s and llm_usage tell of the dollars that upstream would bill',
  async (seed, version) => {
    const redis = opened(await startRedis())
    const langfuse = opened(await startFakeLangfuse({ version }))
    const supabase = opened(await startSupabase())
    const { baseURL: baseUrl, publicKey, secretKey } = langfuse
    const gateway = {
      ...patient(redis),
      langfuse: { baseUrl, publicKey, secretKey },
      supabase: { url: supabase.url, secretKey: supabase.keys.secret },
    }
    const day = opened(await liveThrough({ seed, calls: 400, doubts: false, gateway }))
    expect(await day.client.gateway.flush(30_000)).toBe(true)
    const ledgers = [records, settled(redis), metrics(redis), traced(langfuse), rows(supabase), budget]
    await allAgree(day, ledgers)
  },
  60_000,
)

test('a day on which nobody can know all that upstream did: what is known agrees, and the rest is in doubt, not spent', async () => {
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

test('a call that is given up while the quota is asked never leaves, and costs nothing anywhere', async () => {
  const redis = opened(await startRedis())
  const gateway = {
    agent: 'ann',
    policy,
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
