import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import { createPace } from './pace.ts'

/** A receiver with a duration per delivery, which stores nothing of an aborted delivery. */
function deliver(pace: ReturnType<typeof createPace>, waiting: number, msFor: (count: number) => number) {
  const count = Math.min(waiting, pace.size())
  const ms = msFor(count)
  if (ms > pace.deadlineMs(count)) {
    pace.late(count)
    return { count: 0, ms: pace.deadlineMs(count) }
  }
  pace.answered(count, ms)
  return { count, ms }
}

test('a receiver that takes less than a minute per report gets all of them', () => {
  const receiver = fc.record({
    fixedMs: fc.integer({ min: 0, max: 20_000 }),
    eachMs: fc.double({ min: 0.01, max: 30_000, noNaN: true }),
    most: fc.integer({ min: 1, max: 1_000 }),
    start: fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }),
    deadlineMs: fc.integer({ min: 50, max: 30_000 }),
  })
  fc.assert(
    fc.property(receiver, ({ fixedMs, eachMs, most, start, deadlineMs }) => {
      const pace = createPace({ maxReports: most, start, deadlineMs })
      let waiting = 500
      for (let tries = 0; waiting > 0; tries += 1) {
        expect(tries).toBeLessThan(2_000)
        waiting -= deliver(pace, waiting, (count) => fixedMs + count * eachMs).count
        expect(pace.size()).toBeGreaterThanOrEqual(1)
        expect(pace.size()).toBeLessThanOrEqual(most)
        expect(pace.deadlineMs(1)).toBeGreaterThanOrEqual(deadlineMs)
        expect(pace.deadlineMs(most)).toBeLessThanOrEqual(Math.max(60_000, deadlineMs))
      }
    }),
    { numRuns: runs(300) },
  )
})

test('if duration grows with reports, a delivery takes about a fifth of the deadline, and none times out', () => {
  for (const eachMs of [1, 14 * 4, 56 * 4, 233 * 4]) {
    const pace = createPace({ maxReports: 50, start: 2, deadlineMs: 5_000 })
    for (let round = 0; round < 20; round += 1) {
      const { count, ms } = deliver(pace, 1_000, (count) => count * eachMs)
      expect(count).toBeGreaterThan(0)
      expect(ms).toBeLessThanOrEqual(Math.max(4_000, eachMs))
    }
    expect(pace.size()).toBe(Math.max(1, Math.min(50, Math.floor(1_000 / eachMs))))
  }
})

test('a server throttled to 6 % of a core during a full delivery has time to finish it', () => {
  const pace = createPace({ maxReports: 50, start: 2, deadlineMs: 5_000 })
  for (let round = 0; round < 20; round += 1) deliver(pace, 1_000, (count) => count * 56)
  const count = pace.size()
  expect(count * 4 * 233).toBeLessThan(pace.deadlineMs(count))
})

test('batches of constant duration are not divided', () => {
  const pace = createPace({ maxReports: 100, start: undefined, deadlineMs: 5_000 })
  for (let round = 0; round < 50; round += 1) deliver(pace, 1_000, () => 4_000)
  expect(pace.size()).toBe(100)
})
