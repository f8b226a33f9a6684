import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import { backoffMs } from './backoff.ts'

test('a delay doubles with each attempt, up to the maximum', () => {
  const delays = [1, 2, 3, 4, 5].map((attempt) =>
    backoffMs(attempt, { min: 250, max: 1_500, random: () => 1 }),
  )
  expect(delays).toEqual([250, 500, 1_000, 1_500, 1_500])
})

test('jitter takes away at most half of a delay', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5_000 }),
      fc.integer({ min: 1, max: 1_000 }),
      fc.integer({ min: 1_000, max: 100_000 }),
      (attempt, min, max) => {
        const [low, high] = [0, 1].map((at) => backoffMs(attempt, { min, max, random: () => at }))
        const delay = backoffMs(attempt, { min, max })
        expect(low).toBe((high ?? 0) / 2)
        expect(high).toBeLessThanOrEqual(max)
        expect(high).toBeGreaterThanOrEqual(min)
        expect(delay).toBeGreaterThanOrEqual(low ?? Number.NaN)
        expect(delay).toBeLessThanOrEqual(high ?? Number.NaN)
      },
    ),
    { numRuns: runs(100) },
  )
})
