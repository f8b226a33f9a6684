import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { onTestFinished } from 'vitest'
import { hostileOrigin } from '../hostile/under.ts'

/** How an upstream that is not quite OpenAI answers. */
export type Raw = (res: ServerResponse) => void

/** A server that gives every request the same bytes. */
export async function serve(raw: Raw): Promise<{ baseURL: string; count: () => number }> {
  let count = 0
  const server = createServer((req, res) => {
    count += 1
    req.resume()
    req.on('end', () => raw(res))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  return { baseURL: await hostileOrigin(baseURL), count: () => count }
}

export function body(
  text: string | Buffer,
  headers: Record<string, string | string[]> = {},
  status = 200,
  statusText?: string,
): Raw {
  return (res) => {
    res.writeHead(status, statusText, headers)
    res.end(text)
  }
}

const json = { 'content-type': 'application/json' }
const sse = { 'content-type': 'text/event-stream' }

const envelope = { id: 'c1', created: 1, model: 'm' }
export const completion = JSON.stringify({
  ...envelope,
  object: 'chat.completion',
  choices: [
    { index: 0, message: { role: 'assistant', content: 'hello' }, logprobs: null, finish_reason: 'stop' },
  ],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
})

type Extra = Record<string, unknown>
const chunk = (choices: unknown[], extra: Extra = {}) =>
  JSON.stringify({ ...envelope, object: 'chat.completion.chunk', choices, ...extra })
const choice = (delta: Extra, extra: Extra = {}) => ({ index: 0, delta, finish_reason: null, ...extra })
const stop = (extra: Extra = {}) => chunk([choice({}, { finish_reason: 'stop', ...extra })])
const role = chunk([choice({ role: 'assistant', content: '' })])
const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
const usageChunk = chunk([], { usage })
const say = (content: string) => chunk([choice({ content })])
const frames = (...data: string[]) => data.map((item) => `data: ${item}\n\n`).join('')
const hello = frames(role, say('hel'), say('lo'), stop(), usageChunk, '[DONE]')

/** Bodies that a well-behaved upstream would not send. */
export const ODD: Record<string, Raw> = {
  'an empty body as JSON': body('', json),
  'content-length 0': body('', { ...json, 'content-length': '0' }),
  'an empty body without a type': body(''),
  'an empty stream': body('', sse),
  'nothing but [DONE]': body(frames('[DONE]'), sse),
  '204': body('', {}, 204),
  'invalid JSON': body('{"choices": [', json),
  'HTML as JSON': body('<html>busy</html>', json),
  'HTML as HTML': body('<html>busy</html>', { 'content-type': 'text/html' }),
  'an array': body('[1,2]', json),
  'a string': body('"x"', json),
  null: body('null', json),
  'a number': body('12', json),
  'an object without choices': body('{"a":1}', json),
  'a completion as text': body(completion, { 'content-type': 'text/plain' }),
  'a completion without a type': body(completion),
  'a completion with a charset': body(completion, { 'content-type': 'application/json; charset=utf-8' }),
  'a completion as a dialect of JSON': body(completion, { 'content-type': 'application/problem+json' }),
  'a completion with a byte order mark': body(`\uFEFF${completion}`, json),
  'a gzipped completion': body(gzipSync(completion), { ...json, 'content-encoding': 'gzip' }),
  'a status text, cookies and a created status': body(
    completion,
    { ...json, 'set-cookie': ['a=1', 'b=2'], 'x-odd': 'é' },
    201,
    'Made It',
  ),
  'a status text beyond Latin-1': body(completion, json, 200, Buffer.from('漢字').toString('latin1')),
  'an error under 200': body('{"error":{"message":"no","code":"x"}}', json),
  'an error event first': body('event: error\ndata: {"error":{"message":"no","code":"x"}}\n\n', sse),
  'an error chunk in the middle': body(frames(role, '{"error":{"message":"no"}}'), sse),
  'an error that is a string': body(frames(role, '{"error":"no"}', '[DONE]'), sse),
  'malformed JSON in a stream': body(frames(role, '{"choices":[', '[DONE]'), sse),
  'a stream': body(hello, sse),
  'a stream as JSON': body(hello, json),
  'a stream as text': body(hello, { 'content-type': 'text/plain' }),
  'a stream without a type': body(hello),
  'a stream with CRLF': body(hello.replaceAll('\n', '\r\n'), sse),
  'a stream with CR': body(hello.replaceAll('\n', '\r'), sse),
  'a stream with comments, ids and retries': body(
    `: hi\n\nid: 1\nretry: 5\n${hello.replaceAll('\n\n', '\n\n: ping\n\n')}`,
    sse,
  ),
  'a stream without spaces after its colons': body(hello.replaceAll('data: ', 'data:'), sse),
  'a stream of data over two lines': body(hello.replaceAll(',"object"', ',\ndata: "object"'), sse),
  'a stream with event names': body(hello.replaceAll('data: ', 'event: chunk\ndata: '), sse),
  'a stream with thread events': body(`event: thread.run\ndata: {"a":1}\n\n${hello}`, sse),
  'a stream with a byte order mark': body(`\uFEFF${hello}`, sse),
  'a stream whose last blank line is missing': body(hello.trimEnd(), sse),
  'a stream without [DONE]': body(hello.replace('data: [DONE]\n\n', ''), sse),
  'a stream that goes on after [DONE]': body(hello + frames(say('more')), sse),
  'a stream without a finish_reason': body(frames(role, say('x'), '[DONE]'), sse),
  'a gzipped stream': body(gzipSync(hello), { ...sse, 'content-encoding': 'gzip' }),
  'a stream cut in the middle of a frame': (res) => {
    res.writeHead(200, { ...sse, 'content-length': '9999' })
    res.write(hello.slice(0, 150))
    setTimeout(() => res.socket?.destroy(), 20)
  },
  'a completion cut in the middle': (res) => {
    res.writeHead(200, { ...json, 'content-length': '9999' })
    res.write(completion.slice(0, 50))
    setTimeout(() => res.socket?.destroy(), 20)
  },
  'bytes that are no UTF-8': body(Buffer.concat([Buffer.from(hello), Buffer.from([0xff, 0xfe])]), sse),
  'an HTML error': body('<html>bad gateway</html>', { 'content-type': 'text/html' }, 502),
  'an empty error': body('', {}, 503),
  'a plain-text error': body('upstream connect error', { 'content-type': 'text/plain' }, 503),
  'an error that is a string in JSON': body('{"error":"no"}', json, 400),
  'an error of another shape': body('{"detail":[{"msg":"no"}]}', json, 422),
  'an error with extra members': body('{"error":{"message":"no","code":7,"inner":{"a":1}}}', json, 400),
  'an error beyond the classes': body('{"error":{"message":"teapot"}}', json, 418),
  'an error in invalid JSON': body('{"error":', json, 500),
  'a not-modified': body('', {}, 304),
  'an error in a stream’s clothes': body(frames('{"error":{"message":"no"}}'), sse, 400),
}

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
    chunk([
      choice({
        tool_calls: [{ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }],
      }),
    ]),
    stop({ finish_reason: 'tool_calls' }),
    usageChunk,
    '[DONE]',
  ),
  'empty text and a tool call': frames(
    role,
    chunk([
      choice({
        tool_calls: [{ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }],
      }),
    ]),
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

const PLAIN = new Set(
  'id object model role type name finish_reason service_tier system_fingerprint'.split(' '),
)

/** What the chunks add up to: strings are joined, lists appended, indexed items find their own, the rest replaced. */
export function foldOf(chunks: readonly unknown[]): unknown {
  const sum: Record<string, unknown> = {}
  for (const item of chunks) {
    const { choices = [], ...envelope } = item as Record<string, unknown>
    // Of what is around the choices, the last word counts.
    for (const name of Object.keys(envelope)) if (envelope[name] !== null) delete sum[name]
    fold(sum, { ...envelope, choices })
  }
  return sum
}

function fold(into: Record<string, unknown>, from: Record<string, unknown>) {
  for (const [key, value] of Object.entries(from)) {
    // Data like any other, if it comes from upstream.
    const name = key === '__proto__' ? '(__proto__)' : key
    const known = into[name]
    if (value === null || value === undefined || name === 'obfuscation') continue
    if (typeof value === 'string') into[name] = PLAIN.has(name) ? value : `${known ?? ''}${value}`
    else if (Array.isArray(value)) {
      into[name] ??= []
      const items = into[name] as unknown[]
      for (const item of value) {
        const index = (item as { index?: number } | null)?.index
        if (typeof index !== 'number') items.push(item)
        else {
          items[index] ??= {}
          fold(items[index] as Record<string, unknown>, item as Record<string, unknown>)
        }
      }
    } else if (typeof value === 'object') {
      into[name] ??= {}
      fold(into[name] as Record<string, unknown>, value as Record<string, unknown>)
    } else into[name] = value
  }
}
