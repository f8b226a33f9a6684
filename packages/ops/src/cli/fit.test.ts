import { expect, test } from 'vitest'
import { type FitColumn, fit } from './fit.ts'

const COLUMNS: FitColumn[] = [
  { title: 'agent', cells: ['support', 'an-agent-with-a-long-name'], min: 10 },
  { title: 'team', cells: ['prod_customer', 'prod_ceo'], min: 8, rank: 2 },
  { title: 'calls', cells: ['1,234,567', '0'], isNumber: true },
  { title: 'hits', cells: ['44.4 %', '-'], isNumber: true, rank: 1 },
]
const drawn = (width: number) => fit(COLUMNS, width, 2).rows.map((cells) => cells.join('  '))

test('a table that fits has its own widths, numbers at the right', () => {
  expect(drawn(100)).toEqual([
    'agent                      team               calls    hits',
    'support                    prod_customer  1,234,567  44.4 %',
    'an-agent-with-a-long-name  prod_ceo               0       -',
  ])
})

test('names are cut first, then columns left out by their rank; numbers stay whole, and no line is too wide', () => {
  expect(drawn(46)[2]).toBe('an-agent-wi…  prod_ceo               0       -')
  expect(fit(COLUMNS, 40, 2).shown).toEqual([0, 1, 2, 3])
  expect(fit(COLUMNS, 36, 2).shown).toEqual([0, 2, 3])
  expect(fit(COLUMNS, 26, 2).shown).toEqual([0, 2])
  for (let width = 21; width < 90; width += 1) {
    const rows = drawn(width)
    for (const row of rows) expect([...row].length, `${width}: ${row}`).toBeLessThanOrEqual(width)
    expect(rows[1]).toContain('1,234,567')
  }
})
