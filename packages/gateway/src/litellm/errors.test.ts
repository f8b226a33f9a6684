import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import type { JsonObject } from '../core/json.ts'
import { asOpenAI, refusalFrom } from './errors.ts'

const codeOf = (status: number, error: JsonObject, headers: Record<string, string> = {}) =>
  refusalFrom(status, new Headers(headers), { error })?.code

// As LiteLLM 1.102.4 wrote them, and what is known of its other versions.
const HASH = '29a3870cc13cd98308dc9555840cef48bcceb0db1ba5a13d348371aaad3c7edb'
const limited = (kind: string) =>
  `Rate limit exceeded for api_key: ${HASH}. Limit type: ${kind}. Current limit: 2, Remaining: 0. Limit resets at: 2026-11-23 21:39:52 UTC`

test.each([
  ['requests', 'gateway_rpm_exceeded'],
  ['tokens', 'gateway_tpm_exceeded'],
  ['max_parallel_requests', 'gateway_queue_full'],
])('a limit of %s is recognised by its header, or without one by its message', (kind, code) => {
  const message = limited(kind)
  expect(codeOf(429, { message, type: 'throttling_error', code: '429' }, { rate_limit_type: kind })).toBe(
    code,
  )
  expect(codeOf(429, { message, type: 'None', code: '429' })).toBe(code)
})

test.each([400, 401, 429])('a used-up budget is one, whatever the status (%i)', (status) => {
  const message = 'Budget has been exceeded! Current cost: 2.0, Max budget: 1.0'
  expect(codeOf(status, { message, type: 'budget_exceeded', code: String(status) })).toBe(
    'gateway_daily_usd_exceeded',
  )
  expect(codeOf(status, { message, type: 'auth_error' })).toBe('gateway_daily_usd_exceeded')
})

test.each([401, 403])('a model that is not allowed is refused as one, whatever the status (%i)', (status) => {
  for (const whose of ['key', 'team', 'user', 'org', 'project'])
    expect(codeOf(status, { message: 'no', type: `${whose}_model_access_denied` })).toBe(
      'gateway_model_not_allowed',
    )
})

test('a key that the proxy does not know is not one that upstream does not know', () => {
  expect(codeOf(401, { message: 'Invalid proxy server token passed.', type: 'token_not_found_in_db' })).toBe(
    'gateway_unknown_key',
  )
  expect(codeOf(401, { message: 'Authentication Error, expired', type: 'expired_key' })).toBe(
    'gateway_unknown_key',
  )
  const upstreams =
    'litellm.AuthenticationError: AuthenticationError: OpenAIException - Incorrect API key provided.'
  expect(codeOf(401, { message: upstreams, type: 'authentication_error' })).toBeUndefined()
})

test('a refusal names no key, not even by its hash', () => {
  const refusal = refusalFrom(429, new Headers(), { error: { message: limited('requests') } })
  expect(refusal?.message).toContain('Current limit: 2')
  expect(refusal?.message).not.toContain(HASH)
  expect(refusal?.retryAfterMs).toBe(60_000)
})

test('whatever upstream said through the proxy is never taken for a refusal', () => {
  const message = fc
    .string()
    .map((text) => `litellm.RateLimitError: RateLimitError: OpenAIException - ${text}`)
  const kind = fc.constantFrom('requests', 'tokens', 'budget_exceeded')
  fc.assert(
    fc.property(fc.integer({ min: 400, max: 599 }), message, kind, (status, message, type) => {
      expect(codeOf(status, { message, type }, { rate_limit_type: type })).toBeUndefined()
    }),
    { numRuns: runs(100) },
  )
})

test('any error body at all can be read', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 400, max: 599 }),
      fc.dictionary(fc.string(), fc.jsonValue()),
      (status, error) => {
        const body = { error } as JsonObject
        refusalFrom(status, new Headers(), body)
        const told = asOpenAI(status, body).error as JsonObject
        expect(told.code === null || !/^\d+$/.test(String(told.code))).toBe(true)
      },
    ),
    { numRuns: runs(100) },
  )
})

test("OpenAI's codes come back out of LiteLLM's messages", () => {
  const of = (status: number, said: string) => {
    const message = `litellm.BadRequestError: OpenAIException - ${said}. Received Model Group=gpt-4o-mini`
    return (
      asOpenAI(status, { error: { message, type: 'throttling_error', code: String(status) } })
        .error as JsonObject
    ).code
  }
  expect(of(429, 'You exceeded your current quota, please check your plan')).toBe('insufficient_quota')
  expect(of(400, 'Your input exceeds the context window of this model')).toBe('context_length_exceeded')
  expect(of(429, 'Rate limit reached for requests')).toBe('rate_limit_exceeded')
  expect(of(400, 'The request is not valid')).toBeNull()
})
