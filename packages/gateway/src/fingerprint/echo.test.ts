import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import type { Call } from '../core/call.ts'
import type { Json, JsonObject } from '../core/json.ts'
import { withEcho } from './echo.ts'
import { keysOf } from './key.ts'

/** Members that a Responses answer repeats, or that tell of them. Source: openai 7.57, `Response`. */
const NAMES = [
  'metadata',
  'user',
  'safety_identifier',
  'prompt_cache_key',
  'prompt_cache_retention',
  'prompt_cache_options',
]
const secret = (whose: string) =>
  fc.constantFrom<Json>(`${whose} 1`, { comparison_response_id: `${whose} 2` })
const said = (whose: string) =>
  fc.dictionary(fc.constantFrom(...NAMES), secret(whose)) as fc.Arbitrary<JsonObject>

const keyOf = (body: JsonObject): string => {
  const keys = keysOf({
    operation: 'responses',
    body,
    parsed: { body },
    model: 'm',
    caller: { team: 't', crossTeamCache: false },
    policy: { policy: {} },
    controls: { cache: {} },
    outbound: { text: JSON.stringify(body), url: 'http://u/v1/responses', headers: new Headers() },
  } as unknown as Call)
  return 'bypass' in keys ? keys.bypass : keys.exact
}

test('whatever two callers say that does not change the answer, none is told what the other said', () => {
  fc.assert(
    fc.property(said('ann'), said('bob'), (ann, bob) => {
      expect(keyOf({ input: 'hi', ...ann })).toBe(keyOf({ input: 'hi', ...bob }))
      const answer = { id: 'resp_1', ...ann, prompt_cache_diagnostics: { type: 'cache_miss' } } as JsonObject
      const told = JSON.parse(withEcho(JSON.stringify(answer), answer, bob)) as JsonObject
      expect(JSON.stringify(told)).not.toContain('ann')
      expect(told).not.toHaveProperty('prompt_cache_diagnostics')
      for (const name of Object.keys(bob)) expect(told[name]).toEqual(bob[name])
      expect(told.id).toBe('resp_1')
    }),
    { numRuns: runs(100) },
  )
})
