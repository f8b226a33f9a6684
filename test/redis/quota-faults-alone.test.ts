import { expect, test } from 'vitest'
import { DEFAULT_WHILE_UNAVAILABLE } from '#src/core/team-limits.ts'
import { until } from '../support.ts'
import { admitted, process, server } from './quota-faults-kit.ts'
import { truth, usd } from './quota-kit.ts'

/** A clock that can be put ahead. */
function clockAhead() {
  let offset = 1e12
  return {
    now: () => Math.round(offset + performance.now()),
    ahead(ms: number) {
      offset += ms
    },
  }
}

test('a process that never reached Redis has one request for a minute, then one part in eight; and no dollars', async () => {
  const redis = await server()
  const clock = clockAhead()
  await redis.kill()
  const a = process(redis.url, { now: clock.now })
  expect(await admitted(a, 'x', 10, { rpm: 32 })).toBe(1)
  clock.ahead(40_000)
  expect(await admitted(a, 'later', 10, { rpm: 32 })).toBe(0)
  clock.ahead(21_000)
  expect(await admitted(a, 'after a minute', 10, { rpm: 32 })).toBe(4)
  expect(await a.take('y', { usdPerDay: usd(1_000) })).toMatchObject({
    admitted: false,
    limit: 'unavailable',
  })
  expect(a.stats()).toMatchObject({ mode: 'reject', unavailable: 1 })
})

test('a process that never reached Redis has its part of the allowances, by the configured number of processes', async () => {
  const redis = await server()
  await redis.kill()
  const a = process(redis.url, { processes: 5 })
  const ofRates = { ...DEFAULT_WHILE_UNAVAILABLE, allowanceOfRates: 0.5 }
  expect(await admitted(a, 'x', 10, { rpm: 40, whileUnavailable: ofRates })).toBe(4)
  const b = process(redis.url, { processes: 5 })
  const bound = {
    usdPerDay: usd(10_000),
    whileUnavailable: { ...DEFAULT_WHILE_UNAVAILABLE, allowance: usd(1_000) },
  }
  expect(await b.take('in its part', bound, 200)).toMatchObject({ admitted: true })
  expect(await b.take('beyond', bound, 1)).toMatchObject({ admitted: false, limit: 'daily_usd' })
})

test('an allowance of requests and tokens is set apart from what Redis gives to others', async () => {
  const redis = await server()
  const a = process(redis.url)
  const bound = {
    rpm: 40,
    whileUnavailable: { ...DEFAULT_WHILE_UNAVAILABLE, leased: 0, allowanceOfRates: 0.25 },
  }
  expect(await admitted(a, 'x', 50, bound)).toBe(30)
  expect(await a.take('more', bound)).toMatchObject({ admitted: false, limit: 'rpm', bounds: { rpm: 30 } })
})

test('an allowance of dollars is set apart from what is counted in Redis', async () => {
  const redis = await server()
  const a = process(redis.url)
  const bound = {
    usdPerDay: usd(1_000),
    whileUnavailable: { ...DEFAULT_WHILE_UNAVAILABLE, leased: 0, allowance: usd(300) },
  }
  expect(await a.take('all', bound, 700)).toMatchObject({ admitted: true, remaining: { usd: 0 } })
  expect(await a.take('more', bound, 1)).toMatchObject({ admitted: false, limit: 'daily_usd' })
})

test('a process that was out of touch for a minute has one part in as many as Redis ever told it of', async () => {
  const redis = await server()
  const clock = clockAhead()
  const options = { clock: 'client', now: clock.now } as const
  const fleet = [process(redis.url, options), process(redis.url, options), process(redis.url, options)]
  for (const [at, each] of fleet.entries()) await each.take(`first${at}`, { rpm: 33 })
  await redis.kill()
  const last = fleet.at(-1)
  // One in twenty of 33 is leased, to the first that asked.
  expect(last && (await admitted(last, 'leased', 20, { rpm: 33 }))).toBe(0)
  clock.ahead(60_250)
  expect(last && (await admitted(last, 'alone', 20, { rpm: 33 }))).toBe(11)
})

test('a policy that refuses: no call is admitted uncounted, and calls are admitted again at once when Redis is back', async () => {
  const redis = await server()
  const a = process(redis.url)
  const bound = {
    rpm: 10,
    whileUnavailable: { ...DEFAULT_WHILE_UNAVAILABLE, rates: 'reject' as const, dollars: 'reject' as const },
  }
  await a.take('before', bound)
  await redis.kill()
  expect(await a.take('away', bound)).toMatchObject({ admitted: false, limit: 'unavailable' })
  expect(a.stats()).toMatchObject({ mode: 'reject', unavailable: 1, alone: 0 })
  // What ended meanwhile is not lost.
  await a.settle(truth('before', { tokens: 5 }))
  await redis.restart()
  await until(a.isBack, 'recovery')
  expect(await a.take('after', bound)).toMatchObject({ admitted: true, remaining: { requests: 8 } })
  await a.settle(truth('after'))
  await a.settled()
  expect(a.stats()).toMatchObject({ mode: 'shared', queued: 0, dropped: 0 })
})
