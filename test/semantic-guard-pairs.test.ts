import { expect, test } from 'vitest'
import { GUARD_NAMES } from '#src/core/policy.ts'
import type { Half, Pair } from './bench/semantic/data.ts'
import { ownQuestions } from './bench/semantic/data.ts'
import { guardPairs, rewritten } from './bench/semantic/guard-sets.ts'
import { verdictsOfGuards } from './bench/semantic/guard-table.ts'

const share = (part: number, { of }: { of: number }) => part / of
const kindsOf = (pairs: readonly Pair[]) => [...new Set(pairs.map(({ kind }) => kind))]

for (const half of ['development', 'heldOut'] as Half[]) {
  const { traps, paraphrases } = guardPairs(half)

  test(`${half}: guards veto or doubt every trap, and veto nineteen in twenty`, () => {
    const verdicts = verdictsOfGuards(traps)
    expect(verdicts.of).toBeGreaterThan(100)
    expect(verdicts.vetoed + verdicts.doubted).toBe(verdicts.of)
    expect(share(verdicts.vetoed, verdicts)).toBeGreaterThanOrEqual(0.95)
  })

  test(`${half}: only replaced verbs are not vetoed for certain, of every other kind nine in ten are`, () => {
    for (const kind of kindsOf(traps).filter((kind) => kind !== 'verb')) {
      const verdicts = verdictsOfGuards(traps.filter((trap) => trap.kind === kind))
      expect(share(verdicts.vetoed, verdicts), kind).toBeGreaterThan(0.9)
    }
  })

  test(`${half}: at most 15 % of paraphrases are vetoed`, () => {
    const verdicts = verdictsOfGuards(paraphrases)
    expect(verdicts.of).toBeGreaterThan(60)
    expect(share(verdicts.vetoed, verdicts)).toBeLessThanOrEqual(0.15)
  })
}

const made = rewritten(ownQuestions())

test('of traps made by rules from our questions at most one in a hundred is not vetoed', () => {
  const verdicts = verdictsOfGuards(made.traps)
  expect(verdicts.of).toBeGreaterThan(300)
  expect(share(verdicts.vetoed, verdicts)).toBeGreaterThanOrEqual(0.99)
})

test('of paraphrases made by rules from our questions at most one in a hundred is vetoed', () => {
  const verdicts = verdictsOfGuards(made.paraphrases)
  expect(verdicts.of).toBeGreaterThan(200)
  expect(share(verdicts.vetoed, verdicts)).toBeLessThanOrEqual(0.01)
})

test('each guard alone is measured: one that catches a kind of trap costs fewer paraphrases than it catches traps', () => {
  const sets = (['development', 'heldOut'] as const).map(guardPairs)
  const traps = verdictsOfGuards(sets.flatMap((set) => set.traps))
  const paraphrases = verdictsOfGuards(sets.flatMap((set) => set.paraphrases))
  for (const name of GUARD_NAMES.filter((name) => (traps.alone.get(name) ?? 0) > 5))
    expect(share(paraphrases.alone.get(name) ?? 0, paraphrases), name).toBeLessThan(
      share(traps.alone.get(name) ?? 0, traps),
    )
})
