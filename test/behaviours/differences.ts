import { MODEL, type Way } from './agent.ts'

/**
 * Difference between the ways, by topic: one row of the table in docs/litellm.md. A cell differs from the embedded one
 * exactly where `seen` has an entry for that way.
 */
export type Difference = Record<Way, string> & {
  seen: Record<string, Partial<Record<Way, unknown>>>
}

const everywhere = (cell: string) => ({ embedded: cell, litellm: cell, direct: cell, served: cell })
const failed = (name: string, status: number, code: string | null, type = 'invalid_request_error') => ({
  name,
  status,
  code,
  type,
})

export const differences: Record<string, Difference> = {
  'a repeated question': {
    ...everywhere('from the cache'),
    direct: 'asked again',
    seen: {
      'an answer given again': { direct: [true, 2, [null, null, null, null]] },
      'a streamed answer given again': { direct: [true, 2, null] },
      'a Response given again': { direct: [true, 2] },
      'an embedding given again': { direct: 2 },
      'the same question with its members in another order': { direct: 2 },
      'the same question from another user': { direct: 3 },
      'the same question from another team': { direct: [[null, null, null, null], 4] },
      'no-cache: asked afresh, and stored': { direct: 3 },
      'a namespace of its own': { direct: 3 },
    },
  },
  'identical calls at one time': {
    ...everywhere('asked once'),
    direct: 'asked each time',
    seen: { 'twenty who ask at one time': { direct: [1, 20] } },
  },
  'streamed first, then whole, or the other way round': {
    ...everywhere('from the cache'),
    litellm: 'asked again: two entries',
    direct: 'asked again',
    seen: {
      'a streamed answer given again, whole': { litellm: [true, 2], direct: [true, 2] },
      'an answer given again, streamed': { litellm: [true, 2], direct: [true, 2] },
    },
  },
  'an answer cut by `max_tokens`, asked again': {
    ...everywhere('asked again'),
    litellm: 'the cut one, from the cache',
    seen: { 'an answer cut by its length, asked again': { litellm: [['length', 'length'], 1] } },
  },
  'a stream that upstream ends without its last event': {
    ...everywhere('no `finish_reason`'),
    litellm: '**`finish_reason: "stop"`**, and cached as whole',
    seen: { 'a stream that stops without its end': { litellm: 'stop' } },
  },
  'a refusal of the model': {
    ...everywhere('`message.refusal`'),
    litellm: '**none**; whole answers have it in `provider_specific_fields`, streams have lost it',
    seen: {
      'a refusal of the model': { litellm: 'undefined' },
      'a streamed refusal of the model': { litellm: 'object' },
    },
  },
  'the caller leaves before a whole answer': {
    ...everywhere('stops upstream'),
    litellm: '**upstream goes on**, and is paid; of a stream it is stopped',
    seen: {
      'who leaves before the answer stops upstream': { litellm: ['APIConnectionTimeoutError', false] },
    },
  },
  '`metadata` of a stored chat': {
    ...everywhere('reaches OpenAI'),
    litellm: 'does not',
    seen: { 'metadata of a stored chat': { litellm: null } },
  },
  "LiteLLM's fields in a body": {
    ...everywhere('understood'),
    direct: 'sent to OpenAI',
    seen: {
      "LiteLLM's cache field": { direct: [5, true] },
      "LiteLLM's metadata field": { direct: true },
    },
  },
  '`onlyIfCached`': {
    ...everywhere('504 without an entry'),
    litellm: '504, with an entry as well',
    direct: 'asked',
    seen: {
      'only if cached, without an entry': { direct: ['no error', 1] },
      'only if cached, with an entry': { litellm: [false, 1], direct: [true, 2] },
    },
  },
  'no `model`, or `auto`': {
    ...everywhere("the policy's"),
    direct: "as written: OpenAI's error",
    seen: {
      'a question without a model': { direct: [400, ''] },
      'a model named auto': { direct: ['auto', 'auto'] },
    },
  },
  '2,000 input tokens and more': {
    ...everywhere('`gpt-4o`'),
    direct: 'the model as written',
    seen: { 'a long question': { direct: MODEL } },
  },
  '`context_length_exceeded`, or a model that is broken': {
    ...everywhere('`gpt-4o` is asked'),
    direct: 'the error',
    seen: {
      'a question too long for the model': {
        direct: [failed('BadRequestError', 400, 'context_length_exceeded'), MODEL],
      },
      'a broken model': { direct: 'InternalServerError' },
    },
  },
  'hits beyond the limit of requests': {
    ...everywhere('free'),
    litellm: 'counted, and refused',
    seen: {
      'hits beyond a limit of requests': { litellm: ['no error', 'no error', 'gateway_rpm_exceeded'] },
    },
  },
  '`max_tokens` above the tpm limit': {
    ...everywhere('admitted'),
    litellm: 'refused',
    seen: {
      'a maximum output above the limit of tokens': {
        litellm: failed('RateLimitError', 429, 'gateway_tpm_exceeded', 'rate_limit_error'),
      },
    },
  },
  '`max_tokens` where tpm is below 4096': {
    ...everywhere('as written'),
    litellm: 'LiteLLM sets it to a quarter of tpm',
    seen: { 'a small limit of tokens': { litellm: 500 } },
  },
  'keys, models, limits of the team': {
    ...everywhere('held'),
    direct: 'not held',
    seen: {
      'an unknown key': { direct: 'no error' },
      'a model that is not allowed': { direct: ['no error', 1] },
      'a model that does not exist': { direct: [failed('NotFoundError', 404, 'model_not_found'), 1] },
      'a limit of requests': { direct: ['no error', 'no error', 'no error'] },
      'what a limit of requests is told with': { direct: 'no error' },
      'a limit of tokens': { direct: ['no error', 1] },
      'dollars a day': { direct: ['no error', 1] },
      'one team beyond its limit, and another': { direct: ['no error', 'no error'] },
    },
  },
  'legacy completions of a chat model': {
    ...everywhere('as OpenAI answers'),
    litellm: 'made a chat by the proxy: other ids, tokens and text',
    seen: { 'a legacy completion of a chat model': { litellm: '/v1/chat/completions' } },
  },
  'ids of Responses': {
    ...everywhere("OpenAI's"),
    litellm: "LiteLLM's own, another one for each hit; valid for `previous_response_id` through the proxy",
    seen: { 'the id of a Response given again': { litellm: false } },
  },
  "an error's `code`": {
    ...everywhere("OpenAI's"),
    litellm: "OpenAI's where the gateway knows it, else `null`",
    seen: { 'a bad request': { litellm: [failed('BadRequestError', 400, null), 1] } },
  },
  'upstream cannot be reached': {
    ...everywhere('`APIConnectionError`'),
    litellm: "`InternalServerError`: the proxy's 500",
    served: '`InternalServerError`: 502 `gateway_upstream_unreachable`',
    seen: {
      'upstream that cannot be reached': { litellm: 'InternalServerError', served: 'InternalServerError' },
    },
  },
  'upstream refuses the key': {
    ...everywhere('401'),
    served: "502 `gateway_upstream_key_refused`: it is the server's",
    seen: {
      'a wrong upstream key': {
        served: failed('InternalServerError', 502, 'gateway_upstream_key_refused', 'server_error'),
      },
    },
  },
}
