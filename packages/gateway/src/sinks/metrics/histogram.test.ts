import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../../test/runs.ts'
import { bucketOf, type Histogram, quantile } from './histogram.ts'

/** What docs promise, and a hair for the rounding of floats. */
const BOUND = 1 / 21 + 1e-9

const durations = fc.array(fc.double({ min: 0.001, max: 1e8, noNaN: true }), { minLength: 1, maxLength: 300 })
const parts = fc.double({ min: 0, max: 1, noNaN: true })

function histogramOf(values: number[]): Histogram {
  const histogram: Histogram = new Map()
  for (const value of values) histogram.set(bucketOf(value), (histogram.get(bucketOf(value)) ?? 0) + 1)
  return histogram
}

const exact = (values: number[], part: number) =>
  values.toSorted((one, other) => one - other)[Math.max(1, Math.ceil(part * values.length)) - 1] ?? Number.NaN

test('every quantile is within 4.8 % of the exact one', () => {
  fc.assert(
    fc.property(durations, parts, (values, part) => {
      const truth = exact(values, part)
      const told = quantile(histogramOf(values), part) ?? Number.NaN
      expect(Math.abs(told - truth) / truth).toBeLessThanOrEqual(BOUND)
    }),
    { numRuns: runs(100) },
  )
})

test('two histograms merged bucket by bucket equal that of all values', () => {
  fc.assert(
    fc.property(durations, durations, (some, others) => {
      const sum = histogramOf(some)
      for (const [bucket, count] of histogramOf(others)) sum.set(bucket, (sum.get(bucket) ?? 0) + count)
      expect(sum).toEqual(histogramOf([...some, ...others]))
    }),
    { numRuns: runs(100) },
  )
})

test('a longer duration is in no lower bucket, and there are no more than 291 of them', () => {
  fc.assert(
    fc.property(fc.double(), fc.double(), (one, other) => {
      const [low, high] = [bucketOf(Math.min(one, other)), bucketOf(Math.max(one, other))]
      if (!Number.isNaN(one + other)) expect(low).toBeLessThanOrEqual(high)
      for (const bucket of [low, high])
        expect(bucket >= 0 && bucket <= 290 && Number.isInteger(bucket)).toBe(true)
    }),
    { numRuns: runs(100) },
  )
})

test('an empty histogram has no quantile', () => {
  expect(quantile(new Map(), 0.5)).toBeUndefined()
})
