import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import type { Policy } from '@hotdash/llm-gateway'
import type { Entry } from '../upstream.ts'
import { type Api, answer, ERROR_EVENT, EVENTS, HEADERS, WHOLE } from './answers.ts'

/** A request that reached upstream, and the shape of the answer that its caller wants. */
export type Question = {
  request: IncomingMessage
  reply: ServerResponse
  entry: Entry
  api: Api
  stream: boolean
  /** Origin of another server, for redirects. */
  elsewhere: string
  /** The caller who is to leave has left. */
  left: Promise<void>
}

/** How a call ends. */
export type Ending = {
  name: string
  serve?: (question: Question) => unknown
  /** When its caller aborts: before the call, once upstream has the request, at the head, at the first event. */
  leaves?: 'before' | 'asked' | 'head' | 'first'
  /** Time-out of its caller. */
  patience?: { ms: number }
  /** Nothing listens there any more. */
  isClosed?: true
  /** What is stored, and so asked once. `false`: certainly not. Absent: either is right. */
  stored?: boolean | undefined
  /** Has no body by the standard; libraries differ. */
  isBodyless?: true
  /** Redirects to the same address. */
  isLoop?: true
  /** The error code of the machine varies by chance. */
  isRacy?: true
  /** All but streams are answered as usual. */
  ofStreams?: true
  /** Refused by the gateway, under this policy: upstream's part is to refuse in the same words. */
  refused?: Policy
}

const RETRY = { 'retry-after-ms': '1' }
const json = { 'content-type': 'application/json', 'x-request-id': 'req_1', ...RETRY }

/** An error as OpenAI writes it. */
const error = (status: number, more: object = {}, headers: object = {}): Ending => ({
  name: ['status', status, ...Object.values(more), ...Object.values(headers)].join(' '),
  stored: false,
  serve: ({ reply }) =>
    reply.writeHead(status, { ...json, ...headers }).end(
      JSON.stringify({
        error: { message: 'no', type: 'some_error', param: 'model', code: 'some', ...more },
      }),
    ),
})

/** The same bytes for each question. */
const bytes = (name: string, status: number, body: string | Buffer, headers: object = json): Ending => ({
  name,
  ...(status >= 400 && { stored: false }),
  ...((status === 204 || status === 304) && { isBodyless: true as const }),
  serve: ({ reply }) => reply.writeHead(status, { ...headers }).end(body),
})

const sent = (status: number, to: 'here' | 'elsewhere' | 'nowhere'): Ending => ({
  name: `${status} to ${to}`,
  ...(to === 'here' && { isLoop: true as const }),
  serve({ reply, elsewhere, entry }) {
    const location = {
      here: `${entry.url}?again=1`,
      elsewhere: `${elsewhere}${entry.url}`,
      nowhere: undefined,
    }[to]
    reply
      .writeHead(status, { ...json, ...(location !== undefined && { location }) })
      .end('{"error":{"message":"odd"}}')
  },
})

const texts = ({ api, stream }: Question): string[] =>
  stream && api !== 'embeddings' ? EVENTS[api] : [JSON.stringify(WHOLE[api])]
const kind = ({ stream, api }: Question) => (stream && api !== 'embeddings' ? HEADERS.stream : HEADERS.whole)
const halfOf = (text: string) => Math.floor(text.length / 2)

/** What of an answer goes out first: of a stream, an event and a half. */
function begin(question: Question): { first: string; rest: string } {
  const all = texts(question)
  const [one = '', two = ''] = all
  const length = question.stream && all.length > 1 ? one.length + halfOf(two) : halfOf(one)
  return { first: all.join('').slice(0, length), rest: all.join('').slice(length) }
}

/** Some of an answer, and then what comes of the connection. */
const begun = (
  name: string,
  then: (question: Question, rest: string) => unknown,
  more: Partial<Ending> = {},
): Ending => ({
  name,
  stored: false,
  ...more,
  serve(question) {
    const { first, rest } = begin(question)
    question.reply.writeHead(200, { ...kind(question), ...RETRY })
    question.reply.write(first, () => then(question, rest))
  },
})

/** Answers a follower after the leader has left. */
const finish = async ({ reply, left }: Question, rest: string) => {
  await left
  reply.end(rest)
}
const soonAtLeast = (left: Promise<void>) =>
  Promise.race([left, new Promise<void>((resolve) => setTimeout(resolve, 1_000).unref())])
const answerOthers = async ({ reply, left, api, stream }: Question) => {
  await left
  answer(reply, api, stream)
}

const streamed = (
  name: string,
  of: (api: keyof typeof EVENTS) => string,
  more: Partial<Ending> = {},
): Ending => ({
  name,
  stored: false,
  ofStreams: true,
  ...more,
  serve: (question) =>
    question.stream && question.api !== 'embeddings'
      ? question.reply.writeHead(200, HEADERS.stream).end(of(question.api))
      : answer(question.reply, question.api, false),
})

/** Waits until the client has read what was sent. */
const later = (work: () => unknown) => setTimeout(work, 15)

export const ENDINGS: Ending[] = [
  { name: 'an answer', stored: true, serve: ({ reply, api, stream }) => answer(reply, api, stream) },
  {
    name: 'an answer by the byte',
    stored: true,
    async serve(question) {
      const { reply } = question
      reply.writeHead(200, kind(question))
      for (const byte of Buffer.from(texts(question).join(''))) {
        if (reply.destroyed) return
        reply.write(Buffer.from([byte]))
        if (byte === 10) await new Promise((resolve) => setImmediate(resolve))
      }
      reply.end()
    },
  },
  {
    name: 'an answer in gzip',
    stored: true,
    serve: (question) =>
      question.reply
        .writeHead(200, { ...kind(question), 'content-encoding': 'gzip' })
        .end(gzipSync(texts(question).join(''))),
  },
  ...[400, 401, 403, 404, 408, 409, 413, 418, 422, 429, 500, 502, 503, 504, 599].map((status) =>
    error(status),
  ),
  error(429, { code: 'insufficient_quota' }),
  error(400, { code: 'context_length_exceeded' }),
  error(400, {}, { 'x-should-retry': 'true' }),
  error(503, {}, { 'x-should-retry': 'false' }),
  error(429, {}, { 'retry-after-ms': 'soon', 'retry-after': '0.001' }),
  error(503, {}, { 'set-cookie': ['a=1', 'b=2'] }),
  bytes('an error without a body', 500, ''),
  bytes('an error in HTML', 502, '<html>bad gateway</html>', { ...RETRY, 'content-type': 'text/html' }),
  bytes('an error in broken JSON', 500, '{"error":'),
  bytes('an error that is a text', 400, '{"error":"no"}'),
  bytes('an error without a type', 403, 'no', {}),
  bytes('204', 204, ''),
  bytes('304', 304, ''),
  bytes('broken JSON', 200, '{"id":"chatcmpl-1","choices":[{"mess'),
  bytes('an empty body', 200, ''),
  bytes('JSON that is null', 200, 'null'),
  bytes('JSON that is a list', 200, '[]'),
  bytes('an object of no kind', 200, '{}'),
  bytes('JSON of another type', 200, '{"a":1}', { 'content-type': 'text/plain' }),
  bytes('JSON without a type', 200, '{"a":1}', {}),
  ...[301, 302, 303, 307, 308].flatMap((status) => [sent(status, 'here'), sent(status, 'elsewhere')]),
  ...[307, 407, 421].map((status) => sent(status, 'nowhere')),
  streamed('an error event alone', (api) => ERROR_EVENT[api]),
  streamed('an error event in mid-stream', (api) => `${EVENTS[api][0]}${ERROR_EVENT[api]}`),
  streamed('an event of broken JSON', (api) => `${EVENTS[api][0]}data: {"id"\n\n`),
  streamed('a stream that ends early', (api) => EVENTS[api].slice(0, 2).join('')),
  streamed('a stream without an end mark', (api) => EVENTS[api].slice(0, -1).join(''), { stored: undefined }),
  streamed(
    'a stream with comments and blank lines',
    (api) => `: hello\n\n\n${EVENTS[api].join(': again\n\n')}`,
    {
      stored: undefined,
    },
  ),
  streamed('no events', () => ''),
  { name: 'nothing listens', isClosed: true, stored: false, isRacy: true },
  {
    name: 'a reset before the head',
    stored: false,
    isRacy: true,
    serve: ({ request }) => request.socket.resetAndDestroy(),
  },
  { name: 'an end before the head', stored: false, serve: ({ request }) => request.socket.destroy() },
  { name: 'what is no HTTP', stored: false, serve: ({ request }) => request.socket.end('hello\r\n\r\n') },
  {
    name: 'half a head',
    stored: false,
    serve: ({ request }) => request.socket.end('HTTP/1.1 200 OK\r\ncontent-le'),
  },
  begun('an end in the body', ({ reply }) => later(() => reply.socket?.end())),
  begun('a reset in the body', ({ reply }) => later(() => reply.socket?.resetAndDestroy()), { isRacy: true }),
  begun('a caller who leaves with the head', finish, { leaves: 'head' }),
  begun('a caller who leaves with the first event', finish, { leaves: 'first' }),
  {
    name: 'a caller who leaves with the head of an answer that is all there',
    leaves: 'head',
    serve: ({ reply, api, stream }) => answer(reply, api, stream),
  },
  { name: 'a caller who leaves before the head', stored: false, leaves: 'asked', serve: answerOthers },
  { name: 'a caller who has left', stored: false, leaves: 'before', serve: answerOthers },
  {
    name: 'a time-out before the head',
    stored: false,
    patience: { ms: 40 },
    serve: answerOthers,
  },
  // Of a stream, and of a Response that its caller reads, the SDK takes no time: those end all the same.
  begun(
    'a time-out in the body',
    (question, rest) => finish({ ...question, left: soonAtLeast(question.left) }, rest),
    {
      patience: { ms: 120 },
      stored: undefined,
    },
  ),
  { name: 'refused: a model', refused: { teams: { t: { agents: ['probe'], models: ['none'] } } } },
  { name: 'refused: a limit', refused: { teams: { t: { agents: ['probe'], tpm: 1, maxWaitMs: 1 } } } },
  { name: 'refused: a budget', refused: { teams: { t: { agents: ['probe'], usdPerDay: 1e-9 } } } },
]
