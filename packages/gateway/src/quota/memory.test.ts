import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import type { NanoUsd } from '../core/money.ts'
import type { Limits } from '../core/team-limits.ts'
import { createMemoryQuota } from './memory.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

/** A monotonic clock, and a wall clock that can be set. */
function clocks() {
  let real = 1_000
  let offset = Date.UTC(2026, 2, 28, 12)
  return {
    wall: () => real + offset,
    steady: () => real,
    pass: (ms: number) => {
      real += ms
    },
    set: (ms: number) => {
      offset += ms
    },
  }
}

const take = (quota: ReturnType<typeof createMemoryQuota>, id: string, limits: Partial<Limits>, worst = 1) =>
  quota.reserve({
    id,
    team: 't',
    agent: 'a',
    model: 'm',
    limits: { tpmMode: 'strict', timezone: 'UTC', ...limits },
    inputTokens: 1,
    maxOutputTokens: 1,
    worstCost: worst as NanoUsd,
    leaseMs: HOUR_MS,
  })

test('a wall clock set hours ahead and back neither opens a minute nor keeps it shut', () => {
  const step = fc.oneof(
    fc.record({ pass: fc.nat(70_000) }),
    fc.record({ set: fc.integer({ min: -12 * HOUR_MS, max: 12 * HOUR_MS }) }),
    fc.constant({}),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const clock = clocks()
      const quota = createMemoryQuota(clock.wall, clock.steady)
      const admitted: number[] = []
      for (const [at, each] of steps.entries()) {
        if ('pass' in each) clock.pass(each.pass)
        if ('set' in each) clock.set(each.set)
        const now = clock.steady()
        const within = (ms: number) => admitted.filter((time) => time > now - ms).length
        const verdict = take(quota, `${at}`, { rpm: 3 })
        // A call leaves the window a second and a quarter late at most.
        if (within(MINUTE_MS) >= 3) expect(verdict.admitted).toBe(false)
        if (within(MINUTE_MS + 1_250) < 3) expect(verdict.admitted).toBe(true)
        if (!verdict.admitted) expect(verdict.retryAfterMs).toBeLessThanOrEqual(MINUTE_MS + 250)
        if (verdict.admitted) admitted.push(now)
      }
    }),
    { numRuns: runs(100) },
  )
})

test('a wall clock set to other days and back finds the dollars of each day unchanged', () => {
  const clock = clocks()
  const quota = createMemoryQuota(clock.wall, clock.steady)
  const bound = { usdPerDay: 10 as NanoUsd }
  expect(take(quota, 'today', bound, 10)).toMatchObject({ admitted: true })
  for (let days = 1; days <= 3; days += 1) {
    clock.set(DAY_MS)
    expect(take(quota, `day ${days}`, bound, 10)).toMatchObject({ admitted: true })
  }
  clock.set(-3 * DAY_MS)
  expect(take(quota, 'again', bound, 1)).toMatchObject({ admitted: false, limit: 'daily_usd' })
})

test.for([
  ['summer time begins in Berlin', Date.UTC(2026, 2, 28, 22, 30), 'Europe/Berlin', 23],
  ['summer time ends in New York', Date.UTC(2026, 10, 1, 3, 30), 'America/New_York', 25],
  ['a leap day', Date.UTC(2028, 1, 28, 23, 30), 'UTC', 24],
  ['the end of a year', Date.UTC(2026, 11, 31, 23, 30), 'UTC', 24],
] as const)('%s: the daily limit lasts until the local midnight', ([, start, timezone, hours]) => {
  let now: number = start
  const quota = createMemoryQuota(
    () => now,
    () => now,
  )
  const bound = { usdPerDay: 10 as NanoUsd, timezone }
  expect(take(quota, 'before', bound, 10)).toMatchObject({ admitted: true })
  const first = take(quota, 'full', bound)
  expect(first).toMatchObject({ admitted: false })
  now += HOUR_MS
  expect(take(quota, 'next day', bound, 10)).toMatchObject({ admitted: true })
  now += (hours - 1) * HOUR_MS
  expect(take(quota, 'same day', bound)).toMatchObject({ admitted: false, limit: 'daily_usd' })
  now += HOUR_MS
  expect(take(quota, 'day after', bound)).toMatchObject({ admitted: true })
})
