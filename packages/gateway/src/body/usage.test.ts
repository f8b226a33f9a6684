import { expect, test } from 'vitest'
import type { JsonObject } from '../core/json.ts'
import { totalTokens } from '../core/usage.ts'
import { serviceTier, usageFrom } from './usage.ts'

const none = { input: 0, cachedInput: 0, audioInput: 0, output: 0, reasoning: 0, audioOutput: 0 }

test.each<[string, JsonObject, object]>([
  [
    'chat',
    {
      prompt_tokens: 100,
      completion_tokens: 50,
      total_tokens: 150,
      prompt_tokens_details: { cached_tokens: 64, audio_tokens: 10 },
      completion_tokens_details: { reasoning_tokens: 20, audio_tokens: 5, accepted_prediction_tokens: 1 },
    },
    { input: 100, cachedInput: 64, audioInput: 10, output: 50, reasoning: 20, audioOutput: 5 },
  ],
  [
    'completions, without details',
    { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 },
    { input: 5, output: 7 },
  ],
  [
    'Responses',
    {
      input_tokens: 9,
      input_tokens_details: { cached_tokens: 4 },
      output_tokens: 8,
      output_tokens_details: { reasoning_tokens: 3 },
      total_tokens: 17,
    },
    { input: 9, cachedInput: 4, output: 8, reasoning: 3 },
  ],
  [
    'predicted tokens, of which those that were rejected are output like the rest',
    {
      prompt_tokens: 10,
      completion_tokens: 60,
      completion_tokens_details: { accepted_prediction_tokens: 30, rejected_prediction_tokens: 20 },
    },
    { input: 10, output: 60 },
  ],
  [
    'input written to the cache, which is no input that was read from it',
    {
      input_tokens: 100,
      output_tokens: 1,
      input_tokens_details: { cached_tokens: 30, cache_write_tokens: 90 },
    },
    { input: 100, cachedInput: 30, cacheWrite: 70, output: 1 },
  ],
  ['embeddings', { prompt_tokens: 8, total_tokens: 8 }, { input: 8 }],
  ['embeddings of a server that only totals', { total_tokens: 8 }, { input: 8 }],
  [
    'details that are null',
    { prompt_tokens: 1, completion_tokens: 1, prompt_tokens_details: null },
    { input: 1, output: 1 },
  ],
  [
    'a part larger than its whole',
    { prompt_tokens: 5, prompt_tokens_details: { cached_tokens: 9 } },
    { input: 5, cachedInput: 5 },
  ],
])('%s', (_, usage, expected) => {
  expect(usageFrom({ usage })).toEqual({ ...none, ...expected })
})

test.each<[string, JsonObject]>([
  ['none', {}],
  ['null', { usage: null }],
  ['a list', { usage: [1] }],
  ['empty', { usage: {} }],
  ['negative', { usage: { prompt_tokens: -1, completion_tokens: 1 } }],
  ['not a number', { usage: { prompt_tokens: Number.NaN, completion_tokens: 1 } }],
  ['a fraction', { usage: { prompt_tokens: 1.5, completion_tokens: 1 } }],
  ['words', { usage: { prompt_tokens: '10', completion_tokens: 1 } }],
  ['too large to be counted', { usage: { prompt_tokens: 1e300, completion_tokens: 1 } }],
  [
    'a negative part',
    { usage: { prompt_tokens: 5, completion_tokens: 1, prompt_tokens_details: { cached_tokens: -5 } } },
  ],
])('usage that is %s is no usage', (_, answer) => {
  expect(usageFrom(answer)).toBeUndefined()
})

test('calls of hosted tools are counted; calls of functions are not', () => {
  const item = (type: string) => ({ type })
  const output = ['web_search_call', 'reasoning', 'web_search_call', 'function_call', 'message'].map(item)
  expect(usageFrom({ usage: { input_tokens: 1, output_tokens: 1 }, output })?.hostedCalls).toBe(2)
})

test('the total is input and output, whose parts are in them', () => {
  expect(
    totalTokens({ input: 10, cachedInput: 5, audioInput: 1, output: 20, reasoning: 15, audioOutput: 2 }),
  ).toBe(30)
})

test('an answer tells its tier', () => {
  expect(serviceTier({ service_tier: 'flex' })).toBe('flex')
  expect(serviceTier({ service_tier: null })).toBeUndefined()
  expect(serviceTier({})).toBeUndefined()
})
