import fc from 'fast-check'
import { expect, test } from 'vitest'
import { agreementOf, overlapOf, SERVE } from './agreement.ts'
import { questionOf } from './guards/question.ts'

const neighbour = (answer: string, similarity: number, overlap = 0.5) => ({ answer, similarity, overlap })

test('without neighbours nobody agrees', () => {
  expect(agreementOf([])).toBeUndefined()
})

test('one that stands alone has no support, however near', () => {
  const alone = agreementOf([neighbour('a', 0.99)])
  expect(alone?.support).toBe(1)
  expect(alone?.support).toBeLessThan(SERVE.support)
})

test('those who agree are believed, those who do not are not', () => {
  const agreed = agreementOf([0.9, 0.89, 0.88, 0.86].map((at) => neighbour('a', at)))
  expect(agreed?.confidence).toBeGreaterThan(SERVE.confidence)
  expect(agreed?.supporters).toEqual([0, 1, 2, 3])
  const divided = agreementOf([
    neighbour('a', 0.9),
    neighbour('b', 0.89),
    neighbour('a', 0.88),
    neighbour('b', 0.87),
  ])
  expect(divided?.confidence).toBeLessThan(SERVE.confidence)
})

test('where all are far, doubt wins', () => {
  const far = agreementOf([0.5, 0.49].map((at) => neighbour('a', at)))
  expect(far?.confidence).toBeLessThan(SERVE.confidence)
})

test('words in common break a tie of cosines', () => {
  expect(agreementOf([neighbour('a', 0.9, 0.1), neighbour('b', 0.9, 0.9)])?.answer).toBe('b')
  expect(overlapOf(questionOf('clean the oven door'), questionOf('How do I clean an oven?'))).toBeCloseTo(
    2 / 3,
  )
  expect(overlapOf(questionOf('how'), questionOf('why'))).toBe(0)
})

test('one more who agrees never lessens confidence, one more who does not never adds to it', () => {
  const any = fc.record({
    answer: fc.constantFrom('a', 'b', 'c'),
    similarity: fc.double({ min: 0, max: 1, noNaN: true }),
    overlap: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  fc.assert(
    fc.property(fc.array(any, { minLength: 1, maxLength: 15 }), (neighbours) => {
      const before = agreementOf(neighbours)
      if (before === undefined) return
      const with1 = (answer: string) => agreementOf([...neighbours, { answer, similarity: 0, overlap: 0 }])
      expect(with1(String(before.answer))?.confidence).toBeGreaterThanOrEqual(before.confidence - 1e-9)
      expect(with1('other')?.confidence).toBeLessThanOrEqual(before.confidence + 1e-9)
      expect(before.confidence).toBeLessThan(1)
    }),
  )
})
