import { choice, chunk, frames, role, say, stop, usage, usageChunk } from './frames.ts'

const oneCall = chunk([
  choice({ tool_calls: [{ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }] }),
])

/** Chat streams of which OpenAI's own are only the plainest: each in the pieces of one answer. */
export const STREAMS: Record<string, string> = {
  'reasoning_content and other fields we do not know': frames(
    chunk([choice({ role: 'assistant', content: null, reasoning_content: 'let ' })]),
    chunk([choice({ reasoning_content: 'me see' })]),
    say('yes'),
    chunk([choice({ vendor: { score: 1, words: ['a'] } })]),
    stop({ stop_reason: 7 }),
    usageChunk,
    '[DONE]',
  ),
  'a legacy function call': frames(
    chunk([choice({ role: 'assistant', content: null, function_call: { name: 'f', arguments: '' } })]),
    chunk([choice({ function_call: { arguments: '{"a":' } })]),
    chunk([choice({ function_call: { arguments: '1}' } })]),
    stop({ finish_reason: 'function_call' }),
    '[DONE]',
  ),
  'the usage in the last chunk with a choice': frames(
    role,
    say('x'),
    chunk([choice({}, { finish_reason: 'stop' })], { usage }),
    '[DONE]',
  ),
  'cumulative usage in every chunk': frames(
    chunk([choice({ role: 'assistant', content: '' })], { usage: { ...usage, completion_tokens: 0 } }),
    chunk([choice({ content: 'x' })], { usage }),
    chunk([choice({}, { finish_reason: 'stop' })], { usage }),
    chunk([], { usage }),
    '[DONE]',
  ),
  'the second choice first': frames(
    chunk([{ ...choice({ role: 'assistant', content: 'b' }), index: 1 }]),
    chunk([choice({ role: 'assistant', content: 'a' })]),
    chunk([{ ...choice({}, { finish_reason: 'stop' }), index: 1 }]),
    stop(),
    '[DONE]',
  ),
  'two choices in one chunk': frames(
    chunk([
      choice({ role: 'assistant', content: 'a' }),
      { ...choice({ role: 'assistant', content: 'b' }), index: 1 },
    ]),
    chunk([choice({}, { finish_reason: 'stop' }), { ...choice({}, { finish_reason: 'stop' }), index: 1 }]),
    '[DONE]',
  ),
  'interleaved tool calls, two in one delta': frames(
    chunk([
      choice({
        role: 'assistant',
        content: null,
        tool_calls: [
          { index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '' } },
          { index: 1, id: 'b', type: 'function', function: { name: 'g', arguments: '{' } },
        ],
      }),
    ]),
    chunk([choice({ tool_calls: [{ index: 1, function: { arguments: '}' } }] })]),
    chunk([choice({ tool_calls: [{ index: 0, function: { arguments: '{"x":1}' } }] })]),
    stop({ finish_reason: 'tool_calls' }),
    '[DONE]',
  ),
  'text and then a tool call': frames(
    role,
    say('Let me look.'),
    oneCall,
    stop({ finish_reason: 'tool_calls' }),
    usageChunk,
    '[DONE]',
  ),
  'empty text and a tool call': frames(
    role,
    oneCall,
    stop({ finish_reason: 'tool_calls' }),
    usageChunk,
    '[DONE]',
  ),
  'empty text and a refusal': frames(
    role,
    chunk([choice({ refusal: 'I ' })]),
    chunk([choice({ refusal: 'cannot' })]),
    stop(),
    '[DONE]',
  ),
  'the finish_reason with the last content': frames(
    role,
    chunk([choice({ content: 'x' }, { finish_reason: 'stop' })]),
    '[DONE]',
  ),
  'an empty answer': frames(role, stop(), usageChunk, '[DONE]'),
  'filter results before the first choice, as Azure sends them': frames(
    chunk([], { prompt_filter_results: [{ prompt_index: 0 }] }),
    chunk([choice({ role: 'assistant', content: '' }, { content_filter_results: {} })]),
    say('x'),
    stop({ content_filter_results: { hate: { filtered: false } } }),
    '[DONE]',
  ),
  'a moderation chunk': frames(
    role,
    say('x'),
    stop(),
    chunk([], { moderation: { flagged: false } }),
    '[DONE]',
  ),
  'obfuscation and annotations': frames(
    chunk([choice({ role: 'assistant', content: '' })], { obfuscation: 'xx' }),
    chunk([choice({ content: 'see' })], { obfuscation: 'y' }),
    chunk([
      choice({
        annotations: [
          { type: 'url_citation', url_citation: { url: 'u', title: 't', start_index: 0, end_index: 1 } },
        ],
      }),
    ]),
    stop(),
    '[DONE]',
  ),
  'logprobs of a refusal': frames(
    role,
    chunk([
      choice(
        { refusal: 'no' },
        {
          logprobs: {
            content: null,
            refusal: [{ token: 'no', logprob: -1, bytes: [1], top_logprobs: [] }],
          },
        },
      ),
    ]),
    chunk([
      choice(
        { refusal: ' way' },
        {
          logprobs: {
            content: null,
            refusal: [{ token: ' way', logprob: -2, bytes: null, top_logprobs: [] }],
          },
        },
      ),
    ]),
    stop(),
    '[DONE]',
  ),
  'letters beyond the basic plane, in long runs': frames(
    role,
    say('🙂'.repeat(100)),
    say('e\u0301'.repeat(60)),
    stop(),
    '[DONE]',
  ),
  'a lone surrogate': frames(role, say('\\').replace('\\\\', '\\ud83d'), stop(), '[DONE]'),
  'fingerprint and tier only in the last chunks': frames(
    role,
    say('x'),
    stop(),
    chunk([], { usage, service_tier: 'flex', system_fingerprint: 'fp' }),
    '[DONE]',
  ),
  'an integer beyond 2^53': frames(
    role,
    say('x'),
    stop(),
    '{"id":"c1","created":1,"model":"m","object":"chat.completion.chunk","choices":[],"usage":null,"big":9007199254740993}',
    '[DONE]',
  ),
}
