import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runs } from '../../../../../../test/runs.ts'
import type { SemanticPlan } from '../../../core/caller.ts'
import { nanoUsd } from '../../../core/money.ts'
import { planOf } from '../../../policy/semantic-plan.ts'
import { upperBound } from '../threshold/bound.ts'
import { createAuto } from './auto.ts'
import { EMPTY, MAX_EVIDENCE, NO_MONEY, type Sums, sumsOf } from './ledger.ts'
import { rightAnswersNeeded } from './standing.ts'
import { type AutoState, formatState, stateFrom } from './state.ts'
import { pays } from './worth.ts'

const DAY_MS = 86_400_000
const SCOPE = { agent: 'a', embedder: 'e', name: 'gw:{t}:sl:a', secret: Buffer.from('secret') }
const PLAN = planOf([{ semantic: { mode: 'auto', errorBudget: 0.1 } }]) as SemanticPlan

test('without Redis a process proves itself, and days pass', () => {
  let wall = 0
  const auto = createAuto({ track: () => undefined, now: () => 0, wall: () => wall })
  for (let each = 0; each < 40; each += 1) auto.judged(SCOPE, PLAN, true)
  expect(auto.standing(SCOPE, PLAN)).toMatchObject({ serving: false, reason: 'not-worth-it' })
  auto.enter(SCOPE, PLAN, { saved: 110, spent: 100 })
  expect(auto.standing(SCOPE, PLAN).serving).toBe(false)
  auto.enter(SCOPE, PLAN, { saved: 1 })
  expect(auto.standing(SCOPE, PLAN)).toMatchObject({ serving: true, since: 0 })
  auto.enter(SCOPE, PLAN, { spent: 11 })
  expect(auto.standing(SCOPE, PLAN).serving).toBe(true)
  wall = DAY_MS
  auto.enter(SCOPE, PLAN, { spent: 1 })
  expect(auto.standing(SCOPE, PLAN)).toMatchObject({ serving: false, since: DAY_MS })
  auto.enter(SCOPE, PLAN, { saved: 50 })
  expect(auto.standing(SCOPE, PLAN).serving).toBe(true)
  wall = 7 * DAY_MS
  expect(auto.known('a')).toMatchObject({ sums: { saved: 50, spent: 1 }, today: NO_MONEY, serving: true })
  // A week later neither counts: as long as nothing is spent, nothing is lost.
  wall = 8 * DAY_MS
  expect(auto.standing(SCOPE, PLAN).serving).toBe(true)
  auto.enter(SCOPE, PLAN, { spent: 1 })
  expect(auto.standing(SCOPE, PLAN)).toMatchObject({ serving: false, since: 8 * DAY_MS })
})

test('wrong answers among the newest end it, whatever the older ones prove', () => {
  const auto = createAuto({ track: () => undefined, now: () => 0 })
  const plan = { ...PLAN, errorBudget: 0.01 }
  auto.enter(SCOPE, plan, { saved: 100 })
  for (let each = 0; each < MAX_EVIDENCE; each += 1) auto.judged(SCOPE, plan, true)
  let wrong = 0
  for (; auto.standing(SCOPE, plan).serving; wrong += 1) auto.judged(SCOPE, plan, false)
  // Six of 200 have a probability of 1.6 % at a rate of 1 %, seven of 0.4 %.
  expect(wrong).toBe(7)
  expect(upperBound(7, MAX_EVIDENCE)).toBeLessThan(0.01)
})

test('the right answers that are said to be missing prove the budget, and one less does not', () => {
  fc.assert(
    fc.property(fc.nat({ max: 400 }), fc.nat({ max: 8 }), (right, wrong) => {
      const evidence = '+'.repeat(right) + '-'.repeat(wrong)
      const needed = rightAnswersNeeded(sumsOf({ ...EMPTY, evidence }, 0), 0.05)
      const after = (more: number) => {
        const auto = createAuto({ track: () => undefined, now: () => 0 })
        const plan = { ...PLAN, errorBudget: 0.05 }
        auto.enter(SCOPE, plan, { saved: 1 })
        for (const mark of evidence + '+'.repeat(more)) auto.judged(SCOPE, plan, mark === '+')
        return auto.standing(SCOPE, plan).serving
      }
      expect(after(needed ?? 0)).toBe(true)
      if (needed !== undefined && needed > 0) expect(after(needed - 1)).toBe(false)
    }),
    { numRuns: runs(50) },
  )
})

const count = fc.nat()
const state: fc.Arbitrary<AutoState> = fc.record({
  evidence: fc.array(fc.constantFrom('+', '-'), { maxLength: 50 }).map((marks) => marks.join('')),
  days: fc
    .uniqueArray(fc.nat({ max: 40_000 }), { maxLength: 8 })
    .chain((days) =>
      fc.tuple(
        ...days.map((day) =>
          fc
            .record({
              saved: count,
              spent: count,
              judging: count,
              judgements: count,
              hits: count,
              unpriced: count,
            })
            .map((money) => [day, money] as const),
        ),
      ),
    )
    .map((days) => new Map(days)),
  serving: fc.boolean(),
  reason: fc.constantFrom('proven', 'unproven', 'not-worth-it', 'unpriced', 'unjudged', 'unknown'),
  since: count,
  agent: fc.string({ unit: 'binary' }),
  embedder: fc.string(),
  budget: fc.double({ min: 0, max: 1, noNaN: true }).map(Math.abs),
})

test('a state is read as it was written, and no other text is one', () => {
  fc.assert(
    fc.property(state, (written) => {
      expect(stateFrom(formatState(written))).toEqual(written)
      expect(stateFrom(formatState(written).slice(0, -1))).toBeUndefined()
    }),
    { numRuns: runs(200) },
  )
  for (const text of [undefined, '', 'null', '[]', '{}', '{"evidence":"+"}'])
    expect(stateFrom(text)).toBeUndefined()
})

describe('a judgement', () => {
  const sums = (more: Partial<Sums>): Sums => ({ ...sumsOf(EMPTY, 0), ...more })
  test.each([
    ['pays at four times its price, before anything is known', 4, 1, {}, true],
    ['does not pay below', 3.9, 1, {}, false],
    ['pays at its price where each one led to a hit', 1, 1, { hits: 103, judgements: 100 }, true],
    ['does not pay where none led to a hit', 100, 1, { judgements: 400 }, false],
    ['does not pay after a loss of more than ten cents', 100, 1, { spent: 0.2e9, saved: 0.09e9 }, false],
    ['pays while the loss is smaller', 100, 1, { spent: 0.2e9, saved: 0.11e9 }, true],
  ] as const)('%s', (_what, answer, judgement, more, expected) => {
    const prices = { answer: nanoUsd(answer / 1e3), judgement: nanoUsd(judgement / 1e3) }
    expect(pays(prices, sums(more))).toBe(expected)
  })

  test('does not pay where a price is unknown', () => {
    expect(pays({ answer: undefined, judgement: nanoUsd(0) }, sums({}))).toBe(false)
    expect(pays({ answer: nanoUsd(1), judgement: undefined }, sums({}))).toBe(false)
  })
})
