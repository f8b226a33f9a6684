import fc from 'fast-check'
import { expect, test } from 'vitest'
import { guarded, unguarded } from '../cli/csv-text.ts'
import { csvLine } from './csv.ts'

test.each([
  ['=1+1', "'=1+1"],
  ['+1', "'+1"],
  ['-1', "'-1"],
  ['@SUM(A1)', "'@SUM(A1)"],
  ['\t=1', "'\t=1"],
  ['  =1', "'  =1"],
  ['\u200b=1', "'\u200b=1"],
  ['＝1', "'＝1"],
  ["'=1", "''=1"],
  ["'s", "'s"],
  ['a,b', '"a,b"'],
  ['say "x"', '"say ""x"""'],
  ['=cmd|"/c calc"', '"\'=cmd|""/c calc"""'],
  ['two\r\nlines', '"two\r\nlines"'],
  ['plain', 'plain'],
  [-5, '-5'],
  [null, ''],
  [['=x', 'y'], '"[""=x"",""y""]"'],
])('a cell of %j is %j: no spreadsheet takes it for a formula', (value, cell) => {
  expect(csvLine({ value }, ['value'])).toBe(`${cell}\r\n`)
})

test('every text is the same without its guard', () => {
  const part = fc.constantFrom("'", '=', '+', '@', ' ', '\t', '\u200b', '＝', 'x')
  fc.assert(
    fc.property(
      fc.array(part).map((parts) => parts.join('')),
      (text) => unguarded(guarded(text)) === text,
    ),
  )
})
