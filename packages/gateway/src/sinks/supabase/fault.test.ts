import { expect, test } from 'vitest'
import { deliveryErrorFrom, isRowError } from './fault.ts'

/** Statuses and codes as PostgREST pairs them (its reference, "Errors"). */
const refusal = (status: number, code?: string) => ({
  status,
  error: { ...(code === undefined ? {} : { code }), message: 'said so' },
})

test.each([
  [400, '22P02'],
  [400, '22003'],
  [400, '22P05'],
  [400, '23514'],
  [400, '23502'],
  [409, '23503'],
  [500, '54000'],
  [413, undefined],
])('%i %s is the fault of a row', (status, code) => {
  expect(isRowError(refusal(status, code))).toBe(true)
})

test.each([
  [0, undefined],
  [429, undefined],
  [502, undefined],
  [503, 'PGRST001'],
  [503, '53300'],
  [500, '57014'],
  [500, '40001'],
  [503, '08006'],
  [401, undefined],
  [403, '42501'],
  [404, '42P01'],
  [404, 'PGRST205'],
  [400, 'PGRST204'],
  [400, '42703'],
  [405, '25006'],
])('%i %s is not the error of a row', (status, code) => {
  expect(isRowError(refusal(status, code))).toBe(false)
})

test('an error names the remedy and quotes only the start of the message', () => {
  expect(deliveryErrorFrom(refusal(403, '42501'), 'llm_usage').message).toMatch(
    /^the key may not write to llm_usage.*grants/,
  )
  expect(deliveryErrorFrom(refusal(404, 'PGRST205'), 'llm_usage').message).toMatch(
    /^there is no table llm_usage: run/,
  )
  expect(deliveryErrorFrom(refusal(503), 'llm_usage').message).toBe('HTTP 503 (said so)')
  expect(
    deliveryErrorFrom({ status: 502, error: { message: `<html>\n${'x'.repeat(9_999)}` } }, 't').message
      .length,
  ).toBe('HTTP 502 ()'.length + 160)
})
