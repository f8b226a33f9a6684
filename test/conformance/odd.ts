import { gzipSync } from 'node:zlib'
import { completion, frames, hello, role, say } from './frames.ts'
import { body, type Raw } from './raw.ts'

const json = { 'content-type': 'application/json' }
const sse = { 'content-type': 'text/event-stream' }

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
