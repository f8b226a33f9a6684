import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../../test/runs.ts'
import type { GuardName } from '../../core/policy.ts'
import { vetoOf } from './guards.ts'
import { questionOf } from './question.ts'

const veto = (asked: string, cached: string, ...selected: GuardName[]) =>
  vetoOf(questionOf(asked), questionOf(cached), selected.length > 0 ? selected : undefined)

test.each([
  ['Can I get a refund before delivery', 'Can I get a refund with delivery'],
  ['Can I get a refund after delivery', 'Can I get a refund for delivery'],
  ['Can I get a refund with delivery', 'Can I get a refund instead of delivery'],
  ['Can I get a refund for delivery', 'Can I get a refund despite delivery'],
  ['Does the guarantee hold unless it breaks', 'Does the guarantee hold only if it breaks'],
  ['Does the guarantee hold if it breaks', 'Does the guarantee hold after it breaks'],
  ['Does the guarantee hold even if it breaks', 'Does the guarantee hold only if it breaks'],
  ['Is the lamp safe to use outdoors', 'Is the lamp safe to avoid using outdoors'],
  ['Should I oil the table', 'Should I avoid oiling the table'],
])('"%s" asks for another condition than "%s"', (asked, cached) => {
  expect(veto(asked, cached)).toBeDefined()
  expect(veto(cached, asked)).toBeDefined()
  expect(veto(asked, cached, 'conditions')).toBe('conditions')
})

test('different conditions veto in any sentence; equivalent ones do not', () => {
  const rows = [
    ['before', 'prior to'],
    ['after'],
    ['until', 'till'],
    ['unless', 'except if'],
    ['only if', 'only when'],
    ['even if', 'even though', 'despite', 'in spite of'],
    ['instead of', 'rather than'],
    ['without'],
    ['during'],
  ]
  const at = fc.nat(rows.length - 1)
  const noun = fc.constantFrom('delivery', 'the first wash', 'rain', 'a repair', 'payment')
  const start = fc.constantFrom('Can I get a refund', 'Is the table covered', 'Do you send a parcel')
  fc.assert(
    fc.property(at, at, fc.nat(), fc.nat(), start, noun, (one, other, a, b, start, noun) => {
      const word = (row: number, nth: number) => rows[row]?.[nth % (rows[row]?.length ?? 1)] ?? ''
      const [asked, cached] = [`${start} ${word(one, a)} ${noun}`, `${start} ${word(other, b)} ${noun}?`]
      expect(veto(asked, cached, 'conditions')).toBe(one === other ? undefined : 'conditions')
      // One that says no condition at all is another question, too.
      expect(veto(`${start} ${noun}`, cached, 'conditions')).toBe('conditions')
    }),
    { numRuns: runs(100) },
  )
})
