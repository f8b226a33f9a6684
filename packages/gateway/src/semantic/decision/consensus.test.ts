import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../../test/runs.ts'
import type { Question } from '../guards/guard.ts'
import { questionOf } from '../guards/question.ts'
import { consensusOf, DEFAULT_CALIBRATION, MIN_WEIGHT, overlapOf } from './consensus.ts'

const agree = (voters: Parameters<typeof consensusOf>[0]) => consensusOf(voters, DEFAULT_CALIBRATION)
const GROUPS = { a: 1, b: 2, c: 3, other: 9 }
const neighbour = (answer: keyof typeof GROUPS, similarity: number, overlap = 0.5) => ({
  group: GROUPS[answer],
  similarity,
  overlap,
})

test('without neighbours there is no consensus', () => {
  expect(agree([])).toBeUndefined()
})

test('a single entry has no support, however near', () => {
  const alone = agree([neighbour('a', 0.99)])
  expect(alone?.weight).toBe(1)
  expect(alone?.weight).toBeLessThan(MIN_WEIGHT)
})

test('agreeing neighbours reach the minimum confidence, disagreeing ones do not', () => {
  const agreed = agree([0.9, 0.89, 0.88, 0.86].map((at) => neighbour('a', at)))
  expect(agreed?.confidence).toBeGreaterThan(DEFAULT_CALIBRATION.minConfidence)
  expect(agreed?.supporters).toEqual([0, 1, 2, 3])
  const divided = agree([
    neighbour('a', 0.9),
    neighbour('b', 0.89),
    neighbour('a', 0.88),
    neighbour('b', 0.87),
  ])
  expect(divided?.confidence).toBeLessThan(DEFAULT_CALIBRATION.minConfidence)
})

test('where all neighbours are far, the prior wins', () => {
  const far = agree([0.5, 0.49].map((at) => neighbour('a', at)))
  expect(far?.confidence).toBeLessThan(DEFAULT_CALIBRATION.minConfidence)
})

test('word overlap breaks a tie of cosines', () => {
  expect(agree([neighbour('a', 0.9, 0.1), neighbour('b', 0.9, 0.9)])?.group).toBe(GROUPS.b)
  expect(overlapOf(questionOf('clean the oven door'), questionOf('How do I clean an oven?'))).toBeCloseTo(
    2 / 3,
  )
  expect(overlapOf(questionOf('how'), questionOf('why'))).toBe(0)
})

test('word hashes, fresh or cached, give the same overlap as the words', () => {
  const words = fc.array(fc.constantFrom('oven', 'door', 'clean', 'shoes', 'return', 'worn', 'chair'))
  fc.assert(
    fc.property(words, words, (mine, theirs) => {
      const [a, b] = [mine, theirs].map((words) => questionOf(words.join(' '))) as [Question, Question]
      const shared = [...a.contentSet].filter((word) => b.contentSet.has(word)).length
      const all = new Set([...a.contentSet, ...b.contentSet]).size
      expect(overlapOf(a, b)).toBeCloseTo(all === 0 ? 0 : shared / all)
      expect(overlapOf(questionOf(mine.join(' '), a.wordHashes), b)).toBe(overlapOf(a, b))
    }),
    { numRuns: runs(100) },
  )
})

test('another agreeing neighbour never lowers the confidence, another disagreeing one never raises it', () => {
  const any = fc.record({
    group: fc.constantFrom(1, 2, 3),
    similarity: fc.double({ min: 0, max: 1, noNaN: true }),
    overlap: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  fc.assert(
    fc.property(fc.array(any, { minLength: 1, maxLength: 15 }), (neighbours) => {
      const before = agree(neighbours)
      if (before === undefined) return
      const with1 = (group: number) => agree([...neighbours, { group, similarity: 0, overlap: 0 }])
      expect(with1(before.group)?.confidence).toBeGreaterThanOrEqual(before.confidence - 1e-9)
      expect(with1(GROUPS.other)?.confidence).toBeLessThanOrEqual(before.confidence + 1e-9)
      expect(before.confidence).toBeLessThan(1)
    }),
    { numRuns: runs(100) },
  )
})
