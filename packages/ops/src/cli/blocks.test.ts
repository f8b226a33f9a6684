import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bar, clip, sparkline, wrap } from './blocks.ts'

test('a bar has the width that it is given, whatever the value', () => {
  fc.assert(
    fc.property(fc.double(), fc.double(), fc.integer({ min: 1, max: 80 }), (value, most, width) => {
      expect([...bar(value, most, width)]).toHaveLength(width)
    }),
  )
})

test('a bar shows eighths, and a small value is not nothing', () => {
  expect(bar(1, 2, 4)).toBe('██  ')
  expect(bar(5, 16, 2)).toBe('▋ ')
  expect(bar(0.001, 1_000, 3)).toBe('▏  ')
  expect(bar(0, 1, 3)).toBe('   ')
})

test('a sparkline has one character for each value', () => {
  expect(sparkline([0, 1, 4, 8])).toBe('▁▁▄█')
  expect(sparkline([0, 0])).toBe('▁▁')
})

test('wrapped lines fit, and lose no word that fits', () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-z]{1,12}$/)),
      fc.integer({ min: 12, max: 40 }),
      (words, width) => {
        const lines = wrap(words.join(' '), width)
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(width)
        expect(lines.join(' ')).toBe(words.join(' '))
      },
    ),
  )
  expect(wrap('a verylongwordindeed b', 6)).toEqual(['a', 'veryl…', 'b'])
})

test('a cut text keeps whole characters', () => {
  expect(clip('🙂🙂🙂', 2)).toBe('🙂…')
  expect(clip('abc', 3)).toBe('abc')
})
