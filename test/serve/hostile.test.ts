import type { FakeOpenAI } from '@hotdash/llm-gateway-testing'
import fc from 'fast-check'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runs } from '../runs.ts'
import { ask } from '../support.ts'
import { createCleanup, fake, KEYS, type Served, serve } from './kit.ts'
import { connected, send } from './raw.ts'

const cleanup = createCleanup()
let upstream: FakeOpenAI
let server: Served
beforeAll(async () => {
  upstream = await fake(cleanup)
  const flags = ['--receive-timeout', '2', '--max-body', '1']
  server = await serve(cleanup, { upstream: upstream.baseURL, flags })
})
afterAll(() => cleanup.run())

const URL_ = '/v1/chat/completions'
const AUTH = `Authorization: Bearer ${KEYS.alpha}`
const JSON_ = 'Content-Type: application/json'
const body = JSON.stringify(ask('hello'))
const post = (text: string, headers: string[] = [AUTH, JSON_]) =>
  `POST ${URL_} HTTP/1.1\r\nHost: x\r\n${[...headers, `Content-Length: ${Buffer.byteLength(text, 'latin1')}`].join('\r\n')}\r\n\r\n${text}`
const chunked = (text: string) =>
  `POST ${URL_} HTTP/1.1\r\nHost: x\r\n${AUTH}\r\n${JSON_}\r\nTransfer-Encoding: chunked\r\n\r\n${text}`

/** After whatever happened, it serves, and the error was one that an SDK understands. */
async function servesOn() {
  const client = new OpenAI({ baseURL: server.baseURL, apiKey: KEYS.alpha, maxRetries: 0 })
  expect((await client.chat.completions.create(ask('still there?'))).choices).toHaveLength(1)
  expect(server.child.exitCode).toBeNull()
}

const errorIn = (text: string) => JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4)) as { error: object }

const REFUSED: [string, string | string[], number][] = [
  ['an invalid request line', 'HELLO\r\n\r\n', 400],
  ['a TLS greeting', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  ['binary noise', '\x00\xff\xfe\x00GET\x00', 400],
  ['HTTP/9', 'GET / HTTP/9.9\r\n\r\n', 400],
  ['a header without a colon', `GET /v1/models HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n`, 400],
  ['a header name with a space before its colon', `GET / HTTP/1.1\r\nHost : x\r\n\r\n`, 400],
  ['huge headers', `GET / HTTP/1.1\r\nHost: x\r\nX-Big: ${'a'.repeat(100_000)}\r\n\r\n`, 431],
  ['ten thousand headers', `GET / HTTP/1.1\r\nHost: x\r\n${'a: b\r\n'.repeat(10_000)}\r\n`, 431],
  ['a URL without end', `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
  ['two lengths', post(body, [AUTH, JSON_, 'Content-Length: 3']), 400],
  ['a length and chunks', post(body, [AUTH, JSON_, 'Transfer-Encoding: chunked']), 400],
  ['a negative length', `POST ${URL_} HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n`, 400],
  ['chunks that are none', chunked('zzz\r\nhello\r\n0\r\n\r\n'), 400],
  ['a chunk longer than it says', chunked('2\r\nhello\r\n0\r\n\r\n'), 400],
  ['an endless chunk extension', chunked(`5;${'a'.repeat(100_000)}\r\nhello\r\n0\r\n\r\n`), 400],
  ['CONNECT', 'CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n', 405],
  ['TRACE', 'TRACE /v1/models HTTP/1.1\r\nHost: x\r\n\r\n', 405],
  ['OPTIONS of everything', 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n', 404],
  ['another server’s address', 'GET http://example.org/v1/models HTTP/1.1\r\nHost: x\r\n\r\n', 404],
  ['a path that climbs', 'GET /v1/models/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n', 401],
  ['half an escape', 'GET /v1/models/%E0%A4%A HTTP/1.1\r\nHost: x\r\n\r\n', 404],
  [
    'an upgrade',
    `GET /v1/realtime HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    404,
  ],
  ['GET of a call', `GET ${URL_} HTTP/1.1\r\nHost: x\r\n${AUTH}\r\n\r\n`, 405],
  ['no content type', post(body, [AUTH]), 415],
  ['a form', post('a=b', [AUTH, 'Content-Type: application/x-www-form-urlencoded']), 415],
  ['a web page’s JSON', post(body, [AUTH, 'Content-Type: text/plain']), 415],
  ['a compressed body', post(body, [AUTH, JSON_, 'Content-Encoding: gzip']), 415],
  ['invalid JSON', post('{"model":'), 400],
  ['an empty body', post(''), 400],
  ['an array', post('[1,2]'), 400],
  ['null', post('null'), 400],
  ['a hundred thousand brackets', post('['.repeat(100_000)), 400],
  ['bytes that are no UTF-8', post(`{"model":"\xff`), 400],
  ['no key', post(body, [JSON_]), 401],
  ['an empty key', post(body, [JSON_, 'Authorization: Bearer ']), 401],
  ['an unknown key', post(body, [JSON_, 'Authorization: Bearer sk-nobody-0123456789abcdef']), 401],
  ['the beta Responses API', post(body).replace(URL_, '/v1/responses?beta=true'), 400],
  ['an expectation', post(body, [AUTH, JSON_, 'Expect: miracles']), 200],
]

test.each(REFUSED)('%s gets a clean answer', async (_name, bytes, status) => {
  const raw = await send(
    server.port,
    [bytes].flat().map((text) => Buffer.from(text, 'latin1')),
  )
  expect(raw.statuses).toEqual([status])
  if (status !== 200 && !raw.text.startsWith('HTTP/1.1 200'))
    expect(errorIn(raw.text).error).toEqual({
      message: expect.any(String),
      type: expect.any(String),
      param: status === 400 ? expect.toSatisfy((param) => param === null || param === 'beta') : null,
      code: expect.any(String),
    })
  await servesOn()
})

test('upstream’s other endpoints are not there, and its key is not spent on them', async () => {
  const before = upstream.count()
  const client = new OpenAI({ baseURL: server.baseURL, apiKey: KEYS.alpha, maxRetries: 0 })
  const tries: (() => PromiseLike<unknown>)[] = [
    () => client.files.list(),
    () => client.images.generate({ prompt: 'x' }),
    () => client.responses.retrieve('resp_1'),
    () => client.responses.cancel('resp_1'),
    () => client.batches.list(),
    () => client.fineTuning.jobs.list(),
    () => client.chat.completions.list(),
    () => client.delete('/models/gpt-4o'),
    () => client.get('/organization/admin_api_keys'),
  ]
  for (const run of tries) {
    const error = await Promise.resolve(run()).then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(error).toBeInstanceOf(OpenAI.APIError)
    expect([404, 405]).toContain((error as { status?: number }).status)
  }
  expect(upstream.count()).toBe(before)
})

test('models are those that the team may use; moderations go through', async () => {
  const ids = async (key: string) =>
    (await new OpenAI({ baseURL: server.baseURL, apiKey: key }).models.list()).data.map(({ id }) => id)
  expect(await ids(KEYS.beta)).toEqual(['gpt-4o-mini'])
  expect(await ids(KEYS.alpha)).toContain('gpt-4o')
  const beta = new OpenAI({ baseURL: server.baseURL, apiKey: KEYS.beta, maxRetries: 0 })
  expect(await beta.models.retrieve('gpt-4o-mini')).toMatchObject({ id: 'gpt-4o-mini' })
  await expect(beta.models.retrieve('gpt-4o')).rejects.toBeInstanceOf(OpenAI.NotFoundError)
  expect((await beta.moderations.create({ input: 'kind words' })).results[0]?.flagged).toBe(false)
})

function* megabytes(count: number, wrap: (piece: string) => string): Generator<string> {
  for (let sent = 0; sent < count; sent += 1) yield wrap('a'.repeat(1024 * 1024))
}

test('50 MB are refused, whether announced or in chunks', async () => {
  const announced = `POST ${URL_} HTTP/1.1\r\nHost: x\r\n${AUTH}\r\n${JSON_}\r\nContent-Length: ${50 * 1024 * 1024}\r\n\r\n`
  const whole = await send(server.port, [announced, ...megabytes(50, (piece) => piece)])
  expect(whole.statuses[0]).toBe(413)
  const pieces = await send(server.port, [chunked(''), ...megabytes(50, (piece) => `100000\r\n${piece}\r\n`)])
  expect(pieces.statuses[0]).toBe(413)
  const client = new OpenAI({ baseURL: server.baseURL, apiKey: KEYS.alpha, maxRetries: 0 })
  const outcome = await client.chat.completions
    .create(ask('a'.repeat(50 * 1024 * 1024)))
    .catch((error) => error)
  expect(outcome).toMatchObject({ status: 413, code: 'request_too_large' })
  await servesOn()
})

test('who announces too much and waits to be asked for it is refused before sending any', async () => {
  const head = `POST ${URL_} HTTP/1.1\r\nHost: x\r\n${AUTH}\r\n${JSON_}\r\nExpect: 100-continue\r\n`
  const large = await send(server.port, [`${head}Content-Length: 52428800\r\n\r\n`])
  expect(large.statuses).toEqual([413])
  const small = await send(server.port, [`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`, body])
  expect(small.statuses).toEqual([100, 200])
})

test('a client that sends a request letter by letter, or stops, is disconnected in time, and delays no other client', async () => {
  const drips = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const socket = await connected(server.port)
      let text = ''
      socket.on('data', (data) => {
        text += data
      })
      socket.on('error', () => undefined)
      const timer = setInterval(() => socket.write('x'), 200)
      socket.write(`POST ${URL_} HTTP/1.1\r\nHost: x\r\nX-Slow: `)
      return {
        closed: new Promise<void>((resolve) => socket.on('close', () => resolve())),
        text: () => text,
        timer,
      }
    }),
  )
  await servesOn()
  const stopped = send(server.port, [post(body).slice(0, -5)], { firstMs: 20_000 })
  await Promise.all(drips.map(({ closed }) => closed))
  for (const { timer, text } of drips) {
    clearInterval(timer)
    expect(text()).toMatch(/^HTTP\/1\.1 408 /)
  }
  expect(await stopped).toMatchObject({ statuses: [408], closed: true })
})

test('requests in one pipeline are answered in their order', async () => {
  const questions = Array.from({ length: 20 }, (_, at) => JSON.stringify(ask(`pipelined ${at}`)))
  upstream.fail({ type: 'latency', ms: 200 }, { when: ({ text }) => text.includes('pipelined 0') })
  const raw = await send(server.port, [questions.map((text) => post(text)).join('')], { silenceMs: 1_500 })
  expect(raw.statuses).toEqual(Array.from({ length: 20 }, () => 200))
  const bare = new OpenAI({ baseURL: upstream.baseURL, apiKey: 'sk-upstream-0123456789abcdefghijkl' })
  const expected: string[] = []
  for (const text of questions) expected.push((await bare.chat.completions.create(JSON.parse(text))).id)
  expect([...raw.text.matchAll(/"id":"(chatcmpl-\w+)"/g)].map(([, id]) => id)).toEqual(expected)
})

test('rubbish after a request spoils that connection alone', async () => {
  const raw = await send(server.port, [`${post(body)}rubbish\r\n\r\n`])
  expect(raw.closed).toBe(true)
  expect(raw.statuses.every((status) => status === 200 || status === 400)).toBe(true)
  await servesOn()
})

test('any bytes at all get a 4xx or nothing, and never end the server', async () => {
  const start = fc.constantFrom(
    '',
    'GET ',
    'POST /v1/chat/completions HTTP/1.1\r\n',
    post('').slice(0, -4),
    chunked(''),
  )
  await fc.assert(
    fc.asyncProperty(start, fc.uint8Array({ maxLength: 400 }), async (start, noise) => {
      const raw = await send(server.port, [start, noise, '\r\n\r\n'], {
        firstMs: 100,
        silenceMs: 30,
        endAfter: true,
      })
      for (const status of raw.statuses) expect(status >= 400 && status < 500).toBe(true)
    }),
    { numRuns: runs(200) },
  )
  await servesOn()
  expect(server.err()).not.toContain('failed here')
})
