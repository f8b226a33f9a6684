import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../../test/runs.ts'
import { GUARD_NAMES, type GuardName } from '../../core/policy.ts'
import { areOpposite } from './antonyms.ts'
import { vetoOf } from './guards.ts'
import { questionOf } from './question.ts'
import { stemOf } from './words.ts'

const veto = (asked: string, cached: string, ...selected: GuardName[]) =>
  vetoOf(questionOf(asked), questionOf(cached), selected.length > 0 ? selected : undefined)

test.each<[GuardName, string, string]>([
  ['numbers', 'fees above 1,000 dollars', 'fees above 10,000 dollars'],
  ['numbers', 'is it twenty five percent', 'is it 26%'],
  ['numbers', 'the first invoice', 'the second invoice'],
  ['numbers', 'a room for two adults and one child', 'a room for one adult and two children'],
  ['order', 'he owes me money', 'I owe him money'],
  ['identifiers', 'order LN-5567', 'order LN-5567A'],
  ['identifiers', 'part 600b', 'part 600c'],
  ['identifiers', 'card 4417123456789113000', 'card 4417123456789113001'],
  ['identifiers', 'a@b.example', 'a@c.example'],
  ['dates', 'open on Monday', 'open on Tuesday'],
  ['dates', 'due in May', 'due in June'],
  ['negation', 'fees are waived', 'fees are NOT waived'],
  ['negation', 'with a receipt', 'without a receipt'],
  ['antonyms', 'am I eligible', 'am I ineligible'],
  ['antonyms', 'incoming transfers', 'outgoing transfers'],
  ['antonyms', 'is it prepaid', 'is it postpaid'],
  ['antonyms', 'who is the payer', 'who is the payee'],
  ['antonyms', 'a harmful plant', 'a harmless plant'],
  ['entities', 'call Maria Lopez', 'call Maria Gomez'],
  ['entities', 'shipping to norway', 'shipping to portugal'],
  ['units', 'a fee per month', 'a fee per year'],
  ['units', 'an iPhone 15', 'an iPhone 15 Pro'],
  ['order', 'from savings to cash', 'from cash to savings'],
  ['order', 'does Anna pay Ben', 'does Ben pay Anna'],
  ['language', 'where is my parcel', 'wo ist mein Paket'],
  ['language', 'wie kann ich zahlen', 'wie kann ich kündigen'],
  ['actions', 'Cancel my order', 'Cancel my order'],
  ['actions', 'how do I cancel it', 'could you please cancel it'],
  ['freshness', 'what is the rate today', 'what is the rate today'],
  ['wording', 'clean the oven door', 'clean the oven fan'],
  ['length', 'x '.repeat(2_000), 'x'],
])('%s: "%.40s" does not share its answer with "%.40s"', (guard, asked, cached) => {
  expect(veto(asked, cached, guard)).toBe(guard)
  expect(veto(cached, asked, guard)).toBe(guard)
})

test.each([
  ['fees above 1,000 dollars', 'fees above $1k'],
  ['is it twenty five percent', 'is it 25%?'],
  ['where is order LN-5567', 'where is order ln_5567'],
  ["my card isn't working", 'my card does not work'],
  ["the number of my card's account", "my card's account number"],
  ['how do I buy a watch', 'how can I purchase a watch'],
  ['if I lose my card, what then', 'what then if I lose my card'],
  ['Refund policy', 'What is the refund policy?'],
  ['is the difference between red and blue big', 'is the difference between blue and red big'],
])('"%s" is "%s"', (asked, cached) => {
  expect(veto(asked, cached)).toBeUndefined()
  expect(veto(cached, asked)).toBeUndefined()
})

test('a question may get its own answer, unless it is a command, momentary or too long', () => {
  const own = GUARD_NAMES.filter((name) => !['actions', 'freshness', 'length'].includes(name))
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'grapheme' }), sentence), (text) => {
      expect(veto(text, text, ...own)).toBeUndefined()
    }),
    { numRuns: runs(100) },
  )
})

test('guards are symmetric', () => {
  fc.assert(
    fc.property(sentence, sentence, (one, other) => {
      for (const name of GUARD_NAMES)
        expect(veto(one, other, name), `${name}: ${one} | ${other}`).toBe(veto(other, one, name))
    }),
    { numRuns: runs(100) },
  )
})

test('punctuation and capitals of a whole text do not matter', () => {
  for (const guard of ['numbers', 'dates', 'negation', 'antonyms', 'order', 'wording'] as const)
    expect(
      veto('WHAT DOES DELIVERY TO MY HOME COST', 'what does delivery to my home cost?!', guard),
    ).toBeUndefined()
})

test('texts made to be slow are parsed as fast as others', () => {
  const nasty = [
    '1,',
    "'a",
    'a-',
    '1.1.',
    '#',
    '$1',
    "n't ",
    'not ',
    'from to ',
    '٣',
    '\u{1F600}',
    'a\u0301',
    '@a',
    'ing',
    '\n',
  ]
  for (const piece of nasty) {
    const text = piece.repeat(Math.ceil(100_000 / piece.length))
    expect(veto(text, `${text}.`)).toBe('length')
    const cut = text.slice(0, 2_000)
    expect(veto(cut, cut, 'numbers', 'identifiers', 'order', 'wording')).toBeUndefined()
  }
})

test('words named like properties of Object.prototype are words', () => {
  expect(veto('constructor __proto__ toString', 'constructor __proto__ toString')).toBeUndefined()
})

test('forms of a word have one stem', () => {
  for (const [one, other] of [
    ['orders', 'ordered'],
    ['cancelling', 'cancelled'],
    ['shipping', 'shipped'],
    ['bought', 'buying'],
    ['deliveries', 'delivery'],
    ['used', 'using'],
  ] as const)
    expect(stemOf(one), one).toBe(stemOf(other))
})

test('opposites are never synonyms', () => {
  for (const [one, other] of [
    ['eligible', 'ineligible'],
    ['import', 'export'],
    ['careful', 'careless'],
    ['employer', 'employee'],
    ['accept', 'reject'],
  ] as const) {
    expect(areOpposite(stemOf(one), stemOf(other)), one).toBe(true)
    expect(veto(`the ${one} one`, `the ${other} one`, 'wording'), one).toBe('wording')
  }
})

const words = fc.constantFrom(
  ...'how do I not pay the fee from my card to savings in Berlin before May 5 kg 12 order A-7 cancel now wire Maria no eligible ineligible wie ist $ % #3 one second'.split(
    ' ',
  ),
)
const sentence = fc.array(words, { maxLength: 14 }).map((picked) => picked.join(' '))

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
