import { expect, test } from 'vitest'
import { cents, dollars, milliseconds, percent, percentOf, short, shortDate } from './format.ts'

test.each([
  [0, '$0.00'],
  [1_234.5, '$1,234.50'],
  [0.01, '$0.01'],
  [0.00143, '$0.0014'],
  [0.000000001, '$0.000000001'],
  [-0.5, '-$0.50'],
])('%d dollars are %s', (usd, text) => {
  expect(dollars(usd)).toBe(text)
})

test('a narrow column has cents', () => {
  expect([0, 0.001, 0.005, 12.345].map(cents)).toEqual(['$0.00', '<$0.01', '$0.01', '$12.35'])
})

test('an uptime below 100 % never shows as 100 %, nor one below its target as the target', () => {
  expect([99.999, 99.899, 100, 99, 42.04].map(percent)).toEqual([
    '99.99 %',
    '99.89 %',
    '100.0 %',
    '99.0 %',
    '42.0 %',
  ])
  expect(percentOf(0.305)).toBe('30.5 %')
})

test('durations and counts have three digits', () => {
  expect([0.4, 999, 999.6, 1_000, 1_850, 9_999, 12_400, 99_960].map(milliseconds)).toEqual([
    '0 ms',
    '999 ms',
    '1.00 s',
    '1.00 s',
    '1.85 s',
    '10.0 s',
    '12.4 s',
    '100 s',
  ])
  expect([999, 9_999, 12_345, 1_234_567, 2_500_000_000].map(short)).toEqual([
    '999',
    '9,999',
    '12.3 k',
    '1.23 M',
    '2.5 G',
  ])
  expect(shortDate('2026-03-01')).toBe('1 Mar')
})
