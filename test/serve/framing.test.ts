import type { FakeOpenAI } from '@hotdash/llm-gateway-testing'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { ask, until } from '../support.ts'
import { createCleanup, fake, KEYS, type Served, serve } from './kit.ts'
import { connected, send } from './raw.ts'

// A request-smuggling client gives conflicting ends of a request.
const cleanup = createCleanup()
let upstream: FakeOpenAI
let server: Served
beforeAll(async () => {
  upstream = await fake(cleanup)
  const flags = ['--receive-timeout', '2', '--max-requests', '40']
  server = await serve(cleanup, { upstream: upstream.baseURL, flags })
})
afterEach(() => upstream.reset())
afterAll(() => cleanup.run())

const body = JSON.stringify(ask('hello'))
const LENGTH = `Content-Length: ${body.length}`
const AUTH = `Authorization: Bearer ${KEYS.alpha}`
const head = (headers: string[], version = '1.1') =>
  `POST /v1/chat/completions HTTP/${version}\r\n${['Host: x', 'Content-Type: application/json', ...headers].join('\r\n')}\r\n\r\n`
const post = (headers: string[], text = body) => head(headers) + text
const chunks = (text: string, trailers = '') =>
  `${text.length.toString(16)}\r\n${text}\r\n0\r\n${trailers}\r\n`
/** Answers behind which the connection is closed: that is waited for. */
const CLOSES = { silenceMs: 5_000 }
const CHUNKED = 'Transfer-Encoding: chunked'
const inner = `GET /v1/models HTTP/1.1\r\nHost: x\r\n${AUTH}\r\n\r\n`

async function servesOn() {
  const client = new OpenAI({ baseURL: server.baseURL, apiKey: KEYS.alpha, maxRetries: 0 })
  expect((await client.chat.completions.create(ask('still there?'))).choices).toHaveLength(1)
  expect(server.err()).not.toContain('failed here')
}

const LIES: [string, string][] = [
  ['one length, twice', post([AUTH, LENGTH, LENGTH])],
  ['one length, twice in one header', post([AUTH, `${LENGTH}, ${body.length}`])],
  ['two lengths', post([AUTH, LENGTH, 'Content-Length: 3'])],
  ['a length with a sign', post([AUTH, `Content-Length: +${body.length}`])],
  ['a length in sixteens', post([AUTH, 'Content-Length: 0x10'])],
  ['a length beyond all bounds', post([AUTH, 'Content-Length: 99999999999999999999999'])],
  ['a length and chunks', head([AUTH, LENGTH, CHUNKED]) + chunks(body)],
  ['chunks and a length', head([AUTH, CHUNKED, LENGTH]) + chunks(body)],
  ['an encoding after chunks', head([AUTH, 'Transfer-Encoding: chunked, identity']) + chunks(body)],
  ['an invalid encoding', head([AUTH, 'Transfer-Encoding: xchunked', LENGTH]) + body],
  ['a length that is hidden behind a space', `${post([AUTH, `Content-Length : ${body.length}`])}`],
  [
    'chunks announced in a folded line',
    head([AUTH, 'X: y\r\n Transfer-Encoding: chunked', LENGTH, CHUNKED]) + chunks(body),
  ],
  ['a chunk with a sign', head([AUTH, CHUNKED]) + chunks(body).replace(/^/, '+')],
  ['lines that end in LF alone', post([AUTH, LENGTH]).replaceAll('\r\n', '\n')],
  ['a carriage return within a header', post([AUTH, 'X: a\rX-Gateway-Agent: b', LENGTH])],
  ['a zero byte in a header', post([AUTH, 'X: a\0b', LENGTH])],
]

test.each(LIES)('%s is a 400, and nothing behind it is read as a request', async (_name, text) => {
  const raw = await send(server.port, [`${text}${inner}`], CLOSES)
  expect([raw.statuses, raw.closed]).toEqual([[400], true])
  expect(upstream.count()).toBe(0)
  await servesOn()
})

const HIDDEN: [string, string, number][] = [
  ['a question without a key', post([`Content-Length: ${inner.length}`], inner), 401],
  ['a body that is not JSON', post([AUTH, `Content-Length: ${inner.length}`], inner), 400],
  [
    'a look at our health',
    `GET /health/liveliness HTTP/1.1\r\nHost: x\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`,
    200,
  ],
  ['a path that is not there', `PUT /x HTTP/1.1\r\nHost: x\r\n${CHUNKED}\r\n\r\n${chunks(inner)}`, 404],
]

test.each(HIDDEN)('a request in the body of %s stays a body', async (_name, text, status) => {
  expect((await send(server.port, [text])).statuses).toEqual([status])
  expect((await send(server.port, [text, inner])).statuses).toEqual([status, 200])
})

test('what comes after the body is no header', async () => {
  const trailer = await send(server.port, [
    head([CHUNKED, 'Trailer: Authorization']) + chunks(body, `${AUTH}\r\n`),
  ])
  expect(trailer.statuses).toEqual([401])
  const harmless = await send(server.port, [head([AUTH, CHUNKED]) + chunks(body, 'X-Sum: 17\r\n')])
  expect(harmless.statuses).toEqual([200])
  const huge = await send(server.port, [
    head([AUTH, CHUNKED]) + chunks(body, `X: ${'a'.repeat(100_000)}\r\n`),
  ])
  expect(huge.statuses).toEqual([431])
  await servesOn()
})

test('of many small headers the last counts as the first does; of too many none does', async () => {
  const many = (count: number) => post([...Array.from({ length: count }, () => 'a:b'), AUTH, LENGTH])
  expect((await send(server.port, [many(500)])).statuses).toEqual([200])
  expect((await send(server.port, [many(5_000)])).statuses).toEqual([431])
})

test('who speaks HTTP/1.0 gets an answer without chunks, and the connection is closed behind it', async () => {
  const whole = await send(server.port, [head([AUTH, LENGTH], '1.0') + body], CLOSES)
  expect([whole.statuses, whole.closed]).toEqual([[200], true])
  expect(whole.text).not.toMatch(/transfer-encoding/i)
  const question = JSON.stringify({ ...ask('old'), stream: true })
  const stream = await send(
    server.port,
    [head([AUTH, `Content-Length: ${question.length}`], '1.0') + question],
    CLOSES,
  )
  expect([stream.statuses, stream.closed]).toEqual([[200], true])
  expect(stream.text).not.toMatch(/transfer-encoding/i)
  expect(stream.text.endsWith('data: [DONE]\n\n')).toBe(true)
})

test('who asks and says no more is answered', async () => {
  expect((await send(server.port, [post([AUTH, LENGTH])], { endAfter: true })).statuses).toEqual([200])
})

test('a target in absolute form is not found, wherever it points', async () => {
  for (const address of [`127.0.0.1:${server.port}`, 'api.openai.com', 'x@127.0.0.1'])
    for (const scheme of ['http', 'https']) {
      const text = post([AUTH, LENGTH]).replace('/v1', `${scheme}://${address}/v1`)
      expect((await send(server.port, [text])).statuses).toEqual([404])
    }
  expect(upstream.count()).toBe(0)
})

test('who waits to be asked for a body, and may not ask, is told at once', async () => {
  const waiting = [LENGTH, 'Expect: 100-continue']
  expect((await send(server.port, [head(waiting)])).statuses).toEqual([401])
  expect(
    (await send(server.port, [head([AUTH, ...waiting]).replace('/v1/chat', '/v1/chats')])).statuses,
  ).toEqual([404])
  const whole = await send(server.port, [head([AUTH, ...waiting]), body])
  expect(whole.statuses).toEqual([100, 200])
})

test('a body in drips is shown out in time, and so is who says nothing at all', async () => {
  const silent = await connected(server.port)
  const gone = new Promise<void>((resolve) => silent.on('close', () => resolve()))
  silent.on('error', () => undefined)
  silent.resume()
  const socket = await connected(server.port)
  let text = ''
  socket.on('data', (data) => {
    text += data
  })
  socket.on('error', () => undefined)
  socket.write(head([AUTH, LENGTH]))
  const letters = [...body]
  const timer = setInterval(() => socket.write(letters.shift() ?? ''), 250)
  await until(() => socket.destroyed, 'the drips are over')
  clearInterval(timer)
  expect(text).toMatch(/^HTTP\/1\.1 408 /)
  await gone
  await servesOn()
})

test('a thousand requests in one pipeline are all answered, in order, with a bound on those in flight', async () => {
  upstream.fail({ type: 'latency', ms: 300 }, { times: 40 })
  const questions = Array.from({ length: 1_000 }, (_, at) => JSON.stringify(ask(`pipelined ${at}`)))
  const text = questions.map((each) => post([AUTH, `Content-Length: ${each.length}`], each)).join('')
  const raw = await send(server.port, [text], { silenceMs: 3_000 })
  expect(raw.statuses).toHaveLength(1_000)
  expect([...new Set(raw.statuses)].every((status) => status === 200 || status === 503)).toBe(true)
  expect(raw.statuses[0]).toBe(200)
  expect(raw.text).toContain('gateway_busy')
  await servesOn()
})
