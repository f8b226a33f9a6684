import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import type { Json } from '../core/json.ts'
import { maskJson, maskPersonal, maskSecrets, maskText } from './redact.ts'

test.each([
  ['key sk-proj-abcdefghijklmnop1234 end', 'key <key> end'],
  ['pk-lf-1234567890abcdef-1234', '<key>'],
  ['sb_secret_abcdefghijklmnopqrst', '<key>'],
  ['ghp_abcdefghijklmnopqrstuvwxyz0123', '<key>'],
  ['AKIAABCDEFGHIJKLMNOP', '<key>'],
  ['authorization: Bearer abcdefghijklmnopqrstuv', 'authorization: Bearer <key>'],
  ['eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.abc-DEF_123', '<token>'],
  ['redis://default:hunter2@fly-x.upstash.io:6379', 'redis://default:<key>@fly-x.upstash.io:6379'],
  ['the task-force asked risk-averse people at 10:30', 'the task-force asked risk-averse people at 10:30'],
])('of %j remains %j, whatever is captured', (text, masked) => {
  expect(maskSecrets(text)).toBe(masked)
})

test.each([
  ['write to ann.lee+shop@mail.example.co.uk today', 'write to <email> today'],
  ['call +49 (0)30 1234567 or 0049-170-1234567', 'call <phone> or <phone>'],
  ['call (415) 555-2671', 'call <phone>'],
  ['paid with 4242 4242 4242 4242', 'paid with <card>'],
  ['paid with 5555-5555-5555-4444.', 'paid with <card>.'],
  ['to DE89 3704 0044 0532 0130 00', 'to <iban>'],
  ['order 1234 of 2026-11-23 costs 12.50', 'order 1234 of 2026-11-23 costs 12.50'],
  ['tracking 1234567890123456', 'tracking 1234567890123456'],
  ['at 10:30 @home', 'at 10:30 @home'],
])('of %j remains %j where persons are masked', (text, masked) => {
  expect(maskPersonal(text)).toBe(masked)
})

test('images and sound are named, not sent', () => {
  const url = `data:image/png;base64,${'A'.repeat(5_000)}`
  expect(maskText(url, maskSecrets)).toBe('<image/png, 5000 characters of base64>')
  expect(maskText('B'.repeat(5_000), maskSecrets)).toBe('<5000 characters of base64>')
})

test('a book is cut, and says how long it was', () => {
  const masked = maskText('word '.repeat(100_000), maskSecrets)
  expect(masked).toMatch(/^word .*… <cut; 500000 characters in all>$/s)
  expect(masked.length).toBeLessThan(200_100)
})

test('masking changes texts alone, and never fails', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (json) => {
      // A field that is named like an address loses its name, too.
      fc.pre(!JSON.stringify(json).includes('@'))
      const masked = maskJson(json as Json, (text) => text)
      expect(JSON.stringify(masked).length).toBeGreaterThan(0)
      // As JSON has it: it knows no -0.
      const all = JSON.stringify(maskJson(json as Json, () => 'x'))
      expect(JSON.parse(all)).toEqual(JSON.parse(JSON.stringify(json), textsAsX))
    }),
    { numRuns: runs(100) },
  )
})

const textsAsX = (_key: string, value: unknown) => (typeof value === 'string' ? 'x' : value)

test('what is nested without end is cut off', () => {
  let json: Json = 'deep'
  for (let level = 0; level < 10_000; level += 1) json = [json]
  expect(JSON.stringify(maskJson(json, maskSecrets))).toContain('nested too deeply')
})

test('hostile texts take no longer than long ones', () => {
  const mask = (text: string) => maskPersonal(maskSecrets(text))
  const size = 100_000
  const plain = time(() => mask('The order left the kitchen at noon. '.repeat(size / 36)))
  for (const piece of [
    '+1111111111111111111111111111x',
    'a',
    '1 ',
    'sk-',
    '@a.',
    'AB12 CD34 ',
    'eyJ',
    'eyJ-',
    'eyJabcdefgh.',
    'glpat-',
    'gho_',
    'xoxb-',
    'AIza',
    'hooks.slack.com/services/',
    '-----BEGIN PRIVATE KEY-----',
    '-----BEGIN PRIVATE KEY-----\nAAAAAAAAAAAAAAAAAAAA',
    '-----END PRIVATE KEY-----',
    'v1.0-',
    '1234567890:A',
    'aws_secret_key = ',
    'abc1Q~',
    '://',
    '(415) 555-',
  ]) {
    const hostile = piece.repeat(size / piece.length)
    expect(
      time(() => mask(hostile)),
      piece,
    ).toBeLessThan(plain * 60 + 50)
  }
})

/** The best of three, in milliseconds. */
function time(work: () => unknown): number {
  const times = [1, 2, 3].map(() => {
    const start = performance.now()
    work()
    return performance.now() - start
  })
  return Math.min(...times)
}
