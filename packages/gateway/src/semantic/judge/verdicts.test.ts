import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hostileText } from '../../../../../test/hostile-texts.ts'
import { runs } from '../../../../../test/runs.ts'
import type { JsonObject } from '../../core/json.ts'
import { verdictsIn, verdictsOf } from './verdicts.ts'

const WORDS = ['YES', 'NO', 'PERSONAL']
const VERDICT_OF: Record<string, unknown> = { YES: true, NO: false, PERSONAL: 'personal' }
const reply = (message: JsonObject, more: JsonObject = {}): JsonObject => ({
  choices: [{ message, finish_reason: 'stop', ...more }],
})

/** All texts of the exact form, written by other means than the reader's. */
const exact = fc
  .record({
    words: fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 4 }),
    between: fc.constantFrom(' ', '\n', ', ', ',\n', '\r\n'),
    number: fc.constantFrom(undefined, '. ', ': ', ') '),
    end: fc.constantFrom('', '.', '\n', '.\n'),
    lower: fc.boolean(),
  })
  .map(({ words, between, number, end, lower }) => {
    const said = words.map((word, at) => (number ? `${at + 1}${number}${word}` : word)).join(between) + end
    return { words, said: lower ? said.toLowerCase() : said }
  })

test('a reply in the exact form is read, for as many answers as were shown and for no other number', () => {
  fc.assert(
    fc.property(exact, fc.integer({ min: 0, max: 6 }), ({ words, said }, count) => {
      const read = count === words.length ? words.map((word) => VERDICT_OF[word]) : undefined
      expect(verdictsIn(said, count)).toEqual(read)
    }),
    { numRuns: runs(3_000) },
  )
})

test('a reply with anything beside the words is no verdict', () => {
  const trimmed = /^(?:\.|\.?[ \r\n]*)$/
  fc.assert(
    fc.property(exact, hostileText, fc.boolean(), ({ words, said }, more, isBefore) => {
      fc.pre(!trimmed.test(more))
      const swayed = isBefore ? more + said : said + more
      // Words beside words may be of the form, for more answers.
      expect(verdictsIn(swayed, words.length)).toBeUndefined()
    }),
    { numRuns: runs(3_000) },
  )
})

test('a text of a stranger as the reply is a verdict only if it is one of the words itself', () => {
  fc.assert(
    fc.property(hostileText, (said) => {
      const isExact = WORDS.includes(said.trim().replace(/\.$/, '').toUpperCase())
      if (!isExact) expect(verdictsIn(said, 1)).toBeUndefined()
    }),
    { numRuns: runs(3_000) },
  )
})

test.each([
  'не YES',
  '¬YES',
  '!YES',
  '≠ YES',
  '不 YES',
  'YES?',
  '(YES)',
  '"YES"',
  '**YES**',
  'YES!',
  '0 YES',
  '2. YES',
  '-YES',
  'JA',
  'ДА',
  'ＹＥＳ',
  'YЕS',
  'yeſ',
  'YES\u200b',
  '\u202eYES',
  '["YES"]',
  '{"verdict":"YES"}',
  'YES NO',
  'YESNO',
  'SAME',
  '',
])('%s is no verdict on one answer', (said) => {
  expect(verdictsIn(said, 1)).toBeUndefined()
})

test('an answer that was cut, refused, filtered or had other choices or tools is no verdict', () => {
  expect(verdictsOf(reply({ content: 'YES' }), 1)).toEqual([true])
  const [choice] = reply({ content: 'YES' }).choices as JsonObject[]
  for (const other of [
    reply({ content: 'YES' }, { finish_reason: 'length' }),
    reply({ content: 'YES' }, { finish_reason: 'content_filter' }),
    reply({ content: 'YES', refusal: 'I cannot' }),
    reply({ content: 'YES', tool_calls: [{ type: 'function' }] }),
    reply({ content: 'YES', tool_calls: { type: 'function' } }),
    reply({ content: 'YES', refusal: { text: 'I cannot' } }),
    reply({ content: 'YES', function_call: { name: 'judge', arguments: '{}' } }),
    reply({ content: ['YES'] }),
    { choices: [choice, choice] as JsonObject[] },
    { choices: [] },
    {},
  ])
    expect(verdictsOf(other, 1)).toBeUndefined()
})
