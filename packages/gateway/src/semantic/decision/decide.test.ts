import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../../test/runs.ts'
import { questionOf } from '../guards/question.ts'
import { DEFAULT_CALIBRATION } from './consensus.ts'
import { type DecisionTerms, decide, type NearbyQuestion } from './decide.ts'

const terms: DecisionTerms = {
  threshold: 0.97,
  minConfidence: 0.7,
  calibration: DEFAULT_CALIBRATION,
  vetoOf: () => undefined,
  doubtOf: () => 0,
  requireConfirmation: false,
}
const asked = questionOf('How do I return shoes?')
const of = (group: string, similarity: number, text = 'How do I return shoes?'): NearbyQuestion => ({
  question: questionOf(text),
  similarity,
  groups: [group],
})
const agreed = [of('a', 0.9), of('a', 0.89), of('a', 0.88), of('a', 0.86)]

test('a consensus serves where each entry by itself is too far', () => {
  expect(decide(asked, agreed, terms)).toMatchObject({ index: 0, path: 'consensus', serves: true })
  for (const one of agreed) expect(decide(asked, [one], terms)?.serves).toBe(false)
})

test('an entry without support serves from the threshold on', () => {
  expect(decide(asked, [of('a', 0.98)], terms)).toMatchObject({ index: 0, path: 'nearest', serves: true })
  expect(decide(asked, [of('a', 0.96)], terms)?.serves).toBe(false)
})

test('of a consensus, the nearest entry that passes the guards serves', () => {
  const vetoOf = (_: unknown, { plain }: { plain: string }) =>
    plain.includes('worn') ? 'negation' : undefined
  const near = [of('a', 0.9, 'How do I return worn shoes?'), ...agreed.slice(1)]
  expect(decide(asked, near, { ...terms, vetoOf })).toMatchObject({ index: 1, serves: true })
  const all = near.map(({ similarity }) => of('a', similarity, 'How do I return worn shoes?'))
  expect(decide(asked, all, { ...terms, vetoOf })).toMatchObject({
    index: undefined,
    serves: false,
    veto: 'negation',
  })
})

test('each doubt raises what is needed half-way to 1, on both paths', () => {
  const doubting = (doubts: number) => ({ ...terms, doubtOf: () => doubts })
  expect(decide(asked, [of('a', 0.984)], doubting(1))?.serves).toBe(false)
  expect(decide(asked, [of('a', 0.986)], doubting(1))?.serves).toBe(true)
  expect(decide(asked, [of('a', 0.992)], doubting(2))?.serves).toBe(false)
  expect(decide(asked, [of('a', 0.993)], doubting(2))?.serves).toBe(true)
  const { confidence = 0 } = decide(asked, agreed, terms) ?? {}
  const minConfidence = 2 * confidence - 1
  expect(decide(asked, agreed, { ...doubting(1), minConfidence: minConfidence - 0.001 })?.serves).toBe(true)
  expect(decide(asked, agreed, { ...doubting(1), minConfidence: minConfidence + 0.001 })?.serves).toBe(false)
})

test('of a consensus, the nearest entry without a doubt serves before one that is doubted too much', () => {
  const [first] = agreed
  const doubtOf = (_: unknown, question: unknown) => (question === first?.question ? 30 : 0)
  expect(decide(asked, agreed, terms)).toMatchObject({ index: 0, serves: true })
  expect(decide(asked, agreed, { ...terms, doubtOf })).toMatchObject({ index: 1, serves: true })
})

test('an uncalibrated consensus serves nothing, and the decision tells what it would have served', () => {
  const decision = decide(asked, agreed, { ...terms, minConfidence: 2 })
  expect(decision).toMatchObject({ index: 0, path: 'consensus', serves: false })
  expect(decision?.confidence).toBeGreaterThan(0.7)
})

test('with requireConfirmation, an answer serves only if another call got an equal one', () => {
  const strict = { ...terms, requireConfirmation: true }
  expect(decide(asked, [of('a', 0.99), of('b', 0.98)], strict)).toMatchObject({
    serves: false,
    veto: 'unconfirmed',
  })
  expect(decide(asked, [of('a', 0.99), of('a', 0.5)], strict)?.serves).toBe(true)
})

const texts = ['How do I return shoes?', 'Where is the shop?', 'Can I pay by card?']
const candidate = fc.record({
  similarity: fc.double({ min: 0.5, max: 1, noNaN: true }),
  group: fc.constantFrom('a', 'b', 'c'),
  text: fc.constantFrom(...texts),
})
const around = fc
  .array(candidate, { minLength: 1, maxLength: 15 })
  .map((all) => all.map(({ group, similarity, text }) => of(group, similarity, text)).toSorted(nearestFirst))
const thresholds = fc.record({
  threshold: fc.double({ min: 0.8, max: 1, noNaN: true }),
  minConfidence: fc.double({ min: 0.3, max: 1, noNaN: true }),
  requireConfirmation: fc.boolean(),
  vetoed: fc.subarray(texts),
  doubted: fc.subarray(texts),
})
type Given = { vetoed: string[]; doubted: string[] } & Partial<DecisionTerms>
const isOne = (of: string[], plain: string) => of.some((text) => questionOf(text).plain === plain)
const termsOf = ({ vetoed, doubted, ...more }: Given): DecisionTerms => ({
  ...terms,
  ...more,
  vetoOf: (_, { plain }) => (isOne(vetoed, plain) ? 'veto' : undefined),
  doubtOf: (_, { plain }) => (isOne(doubted, plain) ? 1 : 0),
})
const nearestFirst = (a: NearbyQuestion, b: NearbyQuestion) => b.similarity - a.similarity

test('another entry with a different answer, farther than all, never turns a miss into a hit', () => {
  fc.assert(
    fc.property(around, thresholds, (near, given) => {
      const other = { ...of('z', 0.4), question: questionOf('zebra crossings') }
      if (!decide(asked, near, termsOf(given))?.serves)
        expect(decide(asked, [...near, other], termsOf(given))?.serves).toBe(false)
    }),
    { numRuns: runs(100) },
  )
})

test('an entry of unknown group costs hits and never causes one', () => {
  fc.assert(
    fc.property(around, fc.nat(), thresholds, (near, which, given) => {
      const split = near.map((one, at) =>
        at === which % near.length ? { ...one, groups: ['unjudged'] } : one,
      )
      const [whole, part] = [decide(asked, near, termsOf(given)), decide(asked, split, termsOf(given))]
      if (part?.serves) expect(whole?.serves).toBe(true)
      // By agreement it serves nothing that those who know more would not serve by agreement.
      if (part?.path === 'consensus' && part.serves) expect(whole?.path).toBe('consensus')
    }),
    { numRuns: runs(100) },
  )
})

test('higher thresholds never serve more, and a vetoed question is never answered', () => {
  fc.assert(
    fc.property(around, thresholds, fc.double({ min: 0, max: 0.2, noNaN: true }), (near, given, by) => {
      const low = decide(asked, near, termsOf(given))
      const high = decide(
        asked,
        near,
        termsOf({ ...given, minConfidence: given.minConfidence + by, threshold: given.threshold + by }),
      )
      if (high?.serves) expect(low?.serves).toBe(true)
      const served = low?.serves ? near[low.index ?? -1] : undefined
      if (served !== undefined) expect(termsOf(given).vetoOf(asked, served.question)).toBeUndefined()
    }),
    { numRuns: runs(100) },
  )
})
