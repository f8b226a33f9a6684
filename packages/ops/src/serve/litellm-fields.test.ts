import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import type { JsonObject } from '../core/json.ts'
import { parseRequestControls } from './litellm-fields.ts'

const NAMES = [
  'model',
  'messages',
  'metadata',
  'litellm_metadata',
  'tags',
  'timeout',
  'user',
  'num_retries',
  'api_key',
  'no-log',
  'mock_response',
  'mock_漢',
  'litellm_session_id',
]
const value = fc.oneof(
  fc.jsonValue(),
  fc.record({ agent: fc.jsonValue(), tags: fc.jsonValue(), mine: fc.string() }),
)
const body = fc.dictionary(
  fc.oneof(fc.constantFrom(...NAMES), fc.string()),
  value,
) as fc.Arbitrary<JsonObject>

test('LiteLLM’s fields are never forwarded, and all other fields stay as they are', () => {
  fc.assert(
    fc.property(body, (body) => {
      const before = structuredClone(body)
      const { forwardedBody, ignored } = parseRequestControls({}, body, [])
      expect(body).toEqual(before)
      const sent = forwardedBody ?? body
      for (const name of Object.keys(sent)) {
        expect(ignored).not.toContain(name)
        if (name !== 'metadata') expect(sent[name]).toEqual(body[name])
      }
      for (const name of [
        'litellm_metadata',
        'tags',
        'timeout',
        'num_retries',
        'api_key',
        'no-log',
        'mock_response',
      ])
        expect(Object.hasOwn(sent, name)).toBe(false)
    }),
    { numRuns: runs(100) },
  )
})

test('controls for headers are non-empty strings and valid numbers, for any body', () => {
  fc.assert(
    fc.property(body, (body) => {
      const { agent, session, trace, user, tags, timeoutMs, ignored } = parseRequestControls({}, body, [
        'support',
      ])
      for (const text of [agent, session, trace, user, ...tags])
        expect(text === undefined || (typeof text === 'string' && text !== '')).toBe(true)
      expect(timeoutMs === undefined || (timeoutMs > 0 && timeoutMs < 2 ** 31)).toBe(true)
      expect(ignored.join('')).toMatch(/^[\w-]*$/)
    }),
    { numRuns: runs(100) },
  )
})

test('headers take precedence over the body, and the first value counts', () => {
  const controls = parseRequestControls(
    {
      'x-litellm-agent-id': 'a',
      'x-litellm-timeout': '2',
      'x-litellm-tags': 'x, y',
      'x-litellm-end-user-id': 'u',
    },
    { metadata: { agent: 'b' }, timeout: 5, tags: ['z', 7], user: 'support', litellm_trace_id: 't' },
    ['support'],
  )
  expect(controls).toEqual({
    agent: 'a',
    timeoutMs: 2_000,
    tags: ['z', 'x', 'y'],
    user: 'u',
    userIdentifiers: ['u'],
    trace: 't',
    ignored: [],
    forwardedBody: { user: 'support' },
  })
})
