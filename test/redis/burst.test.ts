import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { sampled } from '../runs.ts'
import { type Agent, burst, endProcesses, policyOf, startAgents, startBilling } from './burst/fleet.ts'
import { type RedisServer, startRedis } from './server.ts'

afterAll(endProcesses)

type Stage = {
  agents: Agent[]
  redis: RedisServer
  upstream: Awaited<ReturnType<typeof startBilling>>
}

async function stage(team: object, { size = 4, isCold = false, some = {} } = {}): Promise<Stage> {
  const redis = await startRedis()
  onTestFinished(redis.close)
  const upstream = await startBilling()
  onTestFinished(upstream.close)
  const agents = await startAgents(size, redis.url, upstream.baseURL, { ...policyOf(team), ...some }, isCold)
  onTestFinished(async () => void (await Promise.all(agents.map(({ end }) => end()))))
  return { agents, redis, upstream }
}

/** What Redis did not decide, though it was there. */
async function decidedAlone(agents: Agent[]): Promise<number> {
  const reports = await Promise.all(agents.map(({ ask }) => ask({ stats: true })))
  return reports.reduce((sum, { quota }) => sum + (quota?.alone ?? 0) + (quota?.unavailable ?? 0), 0)
}

const TEN_DOLLARS = { usdPerDay: 10 }
const THIRTY = { rpm: 30 }

test.for(
  sampled([
    ['warm', 250, false],
    ['cold', 250, false],
    ['cold', 60, false],
    ['cold', 100, true],
    ['warm', 100, true],
  ] as const),
)(
  'ten dollars, four %s processes, %i calls each at once, stalls %s: never a cent more, and 95 % used',
  async ([start, calls, stalls]) => {
    const { agents, upstream } = await stage(TEN_DOLLARS, { isCold: start === 'cold' })
    if (start === 'warm') await burst(agents, 1)
    const { ok, gateway_daily_usd_exceeded, ...other } = await burst(agents, calls, stalls)
    expect(other).toEqual({})
    expect(gateway_daily_usd_exceeded).toBeGreaterThan(0)
    expect(ok).toBe(upstream.requests() - (start === 'warm' ? 4 : 0))
    expect(upstream.usd()).toBeLessThanOrEqual(10)
    expect(upstream.usd()).toBeGreaterThanOrEqual(9.5)
    expect(await decidedAlone(agents)).toBe(0)
  },
)

test('where the tier of the project is not known, a first burst is held at the dearest: never a cent more', async () => {
  const { agents, upstream } = await stage(TEN_DOLLARS, {
    isCold: true,
    some: { defaultServiceTier: undefined },
  })
  await burst(agents, 60)
  expect(upstream.usd()).toBeLessThanOrEqual(10)
  // Three fifths at the least: priority costs five thirds of the usual price.
  expect(upstream.usd()).toBeGreaterThanOrEqual(5.9)
  expect(await decidedAlone(agents)).toBe(0)
})

test.for(
  sampled([
    ['cold', false],
    ['warm', true],
    ['warm', false],
  ] as const),
)(
  'thirty requests a minute, four %s processes, 50 calls each at once, stalls %s: thirty pass',
  async ([start, stalls]) => {
    const { agents, upstream } = await stage(THIRTY, { isCold: start === 'cold' })
    if (start === 'warm') await burst(agents, 1)
    const { ok, gateway_rpm_exceeded, ...other } = await burst(agents, 50, stalls)
    expect(other).toEqual({})
    expect(upstream.requests()).toBeLessThanOrEqual(30)
    expect(upstream.requests()).toBeGreaterThanOrEqual(29)
    expect(await decidedAlone(agents)).toBe(0)
  },
)

test.for([
  ['killed', (redis: RedisServer) => redis.kill()],
  ['hung', (redis: RedisServer) => redis.pause()],
  ['a replica all at once', (redis: RedisServer) => redis.admin.replicaof('127.0.0.1', 1)],
] as const)(
  'Redis %s in the middle of a burst: neither ten dollars nor thirty requests are passed',
  async ([, harm]) => {
    for (const [team, most] of [
      [TEN_DOLLARS, 200],
      [THIRTY, 30],
    ] as const) {
      const { agents, redis, upstream } = await stage(team)
      await burst(agents, 2)
      const first = burst(agents, 40)
      await sleep(Math.random() * 100)
      await harm(redis)
      await first
      await burst(agents, 40)
      expect(upstream.requests()).toBeLessThanOrEqual(most)
      redis.resume()
    }
  },
)

test('Redis away from the start: dollars need an allowance, and all allowances together are what the policy says', async () => {
  const { agents, redis, upstream } = await stage({ usdPerDay: 10, onRedisUnavailable: { allowanceUsd: 2 } })
  await redis.kill()
  const outcome = await burst(agents, 40)
  // One part in eight of two dollars each, of which four processes take theirs.
  expect(outcome.ok).toBe(4 * 5)
  expect(upstream.usd()).toBeCloseTo(1, 9)
  const none = await stage(TEN_DOLLARS)
  await none.redis.kill()
  expect(await burst(none.agents, 5)).toEqual({ gateway_quota_unavailable: 20 })
})

test('Redis hung after a burst: processes that start meanwhile exceed no limit of the minute', async () => {
  const team = { rpm: 120, onRedisUnavailable: { allowance: 0 } }
  const { agents, redis, upstream } = await stage(team, { size: 2 })
  await burst(agents, 80)
  redis.pause()
  const late = await startAgents(3, redis.url, upstream.baseURL, policyOf(team))
  onTestFinished(async () => void (await Promise.all(late.map(({ end }) => end()))))
  expect(await burst(late, 30)).toEqual({ gateway_quota_unavailable: 90 })
  await burst(agents, 30)
  expect(upstream.requests()).toBeLessThanOrEqual(120)
  expect(upstream.requests()).toBeGreaterThanOrEqual(114)
  redis.resume()
})

test('after a failover that left the old server a replica, the connection is made anew and limits are shared again', async () => {
  const { agents, redis } = await stage({ rpm: 10_000 })
  await burst(agents, 1)
  await redis.admin.replicaof('127.0.0.1', 1)
  await burst(agents, 1)
  await redis.admin.replicaof('NO', 'ONE')
  // Each finds it again by itself within its longest backoff.
  await expect
    .poll(
      async () => {
        await burst(agents, 1)
        const reports = await Promise.all(agents.map(({ ask }) => ask({ stats: true })))
        return reports.every(({ quota }) => quota?.mode === 'shared')
      },
      { interval: 200 },
    )
    .toBe(true)
})
