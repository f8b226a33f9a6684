import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../../../test/runs.ts'
import { upperBound } from './bound.ts'
import { addLabel, calibratedThreshold, emptyLabels, estimate } from './labels.ts'
import { exploration, type Observation } from './vcache.ts'

test.each([
  // Clopper-Pearson, one-sided 95 %, from tables of the binomial distribution.
  [0, 10, 0.2589],
  [0, 299, 0.009969],
  [1, 10, 0.3942],
  [2, 50, 0.1206],
  [5, 100, 0.1023],
  [10, 1_000, 0.01689],
])('%i wrong of %i may be %d of all', (wrong, total, bound) => {
  expect(upperBound(wrong, total)).toBeCloseTo(bound, 3)
})

test('without data, the bound is 1', () => {
  expect(upperBound(0, 0)).toBe(1)
  expect(upperBound(3, 3)).toBe(1)
})

test('the bound covers the true rate as often as it claims', () => {
  const random = lcg(7)
  let covered = 0
  for (let run = 0; run < 2_000; run += 1) {
    let wrong = 0
    for (let each = 0; each < 200; each += 1) if (random() < 0.03) wrong += 1
    if (upperBound(wrong, 200) >= 0.03) covered += 1
  }
  expect(covered / 2_000).toBeGreaterThan(0.94)
})

test('299 right answers prove an error rate of 1 %, 298 do not', () => {
  const labels = emptyLabels()
  for (let each = 0; each < 298; each += 1) addLabel(labels, 0.9, true)
  expect(calibratedThreshold(labels, 0.95, 0.01)).toBe(0.95)
  addLabel(labels, 0.9, true)
  expect(calibratedThreshold(labels, 0.95, 0.01)).toBeCloseTo(0.9, 2)
})

test('a threshold rises at once when its answers turn out wrong', () => {
  const labels = emptyLabels()
  for (let each = 0; each < 20; each += 1) addLabel(labels, 0.951, each > 0)
  expect(calibratedThreshold(labels, 0.95, 0.01)).toBeGreaterThan(0.951)
})

test('for any labels, a calibrated threshold never serves similarities known to exceed the budget', () => {
  const judged = fc.record({ similarity: fc.double({ min: 0.6, max: 1, noNaN: true }), right: fc.boolean() })
  fc.assert(
    fc.property(
      fc.array(judged, { maxLength: 400 }),
      fc.double({ min: 0.7, max: 0.99, noNaN: true }),
      (all, start) => {
        const labels = emptyLabels()
        for (const { similarity, right } of all) addLabel(labels, similarity, right)
        const threshold = calibratedThreshold(labels, start, 0.01)
        const { rate, upper, labels: count } = estimate(labels, threshold)
        expect(threshold).toBeLessThanOrEqual(1)
        if (threshold < start && count > 0) expect(upper).toBeLessThanOrEqual(0.01)
        if (threshold >= start && threshold < 0.999) expect(rate).toBeLessThanOrEqual(0.01)
      },
    ),
    { numRuns: runs(100) },
  )
})

test('a new entry is explored', () => {
  expect(exploration([], 0.99, 0.02)).toBe(1)
  expect(exploration([{ similarity: 0.9, right: true }], 0.99, 0.02)).toBe(1)
})

test('the more similar the question, the more rarely a reliable entry is explored', () => {
  const seen: Observation[] = []
  for (let each = 0; each < 40; each += 1) seen.push({ similarity: 0.5 + each / 80, right: each > 12 })
  const [near, far] = [exploration(seen, 0.97, 0.05), exploration(seen, 0.6, 0.05)]
  expect(near).toBeLessThan(far)
  expect(near).toBeLessThan(0.9)
})

test('the error of an entry stays below its bound', () => {
  const random = lcg(11)
  for (const middle of [0.8, 0.9]) {
    const seen: Observation[] = []
    let wrong = 0
    const asked = 4_000
    for (let each = 0; each < asked; each += 1) {
      const similarity = 0.7 + 0.3 * random()
      const right = random() < 1 / (1 + Math.exp(-60 * (similarity - middle)))
      const fresh = random() <= exploration(seen, similarity, 0.05)
      if (!fresh && !right) wrong += 1
      if (fresh && seen.length < 200) seen.push({ similarity, right })
    }
    expect(wrong / asked).toBeLessThan(0.05)
  }
})

test('for any observations, the result is a probability', () => {
  const seen = fc.array(
    fc.record({ similarity: fc.double({ min: 0, max: 1, noNaN: true }), right: fc.boolean() }),
  )
  fc.assert(
    fc.property(seen, fc.double({ min: 0, max: 1, noNaN: true }), (observations, similarity) => {
      const fresh = exploration(observations, similarity, 0.02)
      expect(fresh).toBeGreaterThanOrEqual(0)
      expect(fresh).toBeLessThanOrEqual(1)
    }),
    { numRuns: runs(100) },
  )
})

/** Numbers between 0 and 1, the same in every run. */
function lcg(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296
    return state / 4_294_967_296
  }
}
