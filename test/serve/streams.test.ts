import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FakeOpenAI } from '@hotdash/llm-gateway-testing'
import OpenAI from 'openai'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { all, chatOf } from '../conformance/streams.ts'
import { ask, until } from '../support.ts'
import { createCleanup, fake, KEYS, type Served, serve, UPSTREAM_KEY } from './kit.ts'
import { connected } from './raw.ts'

const cleanup = createCleanup()
let upstream: FakeOpenAI
let server: Served
beforeEach(async () => {
  upstream = await fake(cleanup)
  server = await serve(cleanup, { upstream: upstream.baseURL })
})
afterEach(() => cleanup.run())

const agent = () => new OpenAI({ baseURL: server.baseURL, apiKey: KEYS.alpha, maxRetries: 0 })
const question = (content: string) => ({
  ...ask(content),
  stream: true as const,
  stream_options: { include_usage: true },
})
const answer = async (client: OpenAI, content: string) =>
  chatOf(await all(await client.chat.completions.create(question(content))))

test('200 streams at a time, each with its own answer', async () => {
  upstream.fail({ type: 'slow', chunkDelayMs: 5 }, { times: 200 })
  const client = agent()
  const contents = Array.from({ length: 200 }, (_, at) => `stream ${at}`)
  const answers = await Promise.all(contents.map((content) => answer(client, content)))
  expect(upstream.count()).toBe(200)
  const bare = new OpenAI({ baseURL: upstream.baseURL, apiKey: UPSTREAM_KEY })
  expect(answers).toEqual(await Promise.all(contents.map((content) => answer(bare, content))))
})

test('200 streams of one question make one upstream call', async () => {
  upstream.fail({ type: 'slow', chunkDelayMs: 20 })
  const client = agent()
  const answers = await Promise.all(Array.from({ length: 200 }, () => answer(client, 'the same')))
  expect(new Set(answers.map((each) => JSON.stringify(each))).size).toBe(1)
  expect(upstream.count()).toBe(1)
})

test('who leaves before the answer stops upstream', async () => {
  upstream.fail({ type: 'hang' })
  const leave = new AbortController()
  const call = agent()
    .chat.completions.create(ask('x'), { signal: leave.signal })
    .catch((error: unknown) => error)
  await until(() => upstream.count() === 1, 'the call is under way')
  leave.abort()
  expect(await call).toBeInstanceOf(OpenAI.APIUserAbortError)
  await upstream.requests[0]?.closed
  expect(upstream.requests[0]?.aborted).toBe(true)
  await until(() => server.lines().length === 1, 'the log line')
  expect(server.lines()[0]).toMatchObject({ outcome: 'aborted', path: '/v1/chat/completions' })
})

const MIB = 1024 * 1024

/** Starts an upstream that answers each request with 64 MiB as fast as they are read; `sent`: bytes by request. */
async function verbose() {
  const sent: number[] = []
  const delta = { content: 'a'.repeat(64 * 1024) }
  const piece = `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: null }] })}\n\n`
  const last = `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\ndata: [DONE]\n\n`
  const server = createServer((req, res) => {
    const at = sent.push(0) - 1
    req.resume()
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    const write = () => {
      while ((sent[at] ?? 0) < 64 * MIB) {
        sent[at] = (sent[at] ?? 0) + piece.length
        if (!res.write(piece)) return void res.once('drain', write)
      }
      res.end(last)
    }
    write()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanup.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return { baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, sent }
}

test('an answer that no client reads is fetched up to a bound, and whole once a client reads it', async () => {
  const { baseURL, sent } = await verbose()
  const { port } = await serve(cleanup, { upstream: baseURL })
  const readers = await Promise.all(
    [1, 2].map(async (at) => {
      const socket = await connected(port)
      const body = JSON.stringify(question(`long ${at}`))
      socket.write(
        `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEYS.alpha}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      )
      return socket.pause()
    }),
  )
  await until(() => sent.length === 2, 'both are under way')
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  // 8 MiB are recorded; connections hold some more.
  for (const bytes of sent) expect(bytes).toBeLessThan(48 * MIB)
  for (const socket of readers) {
    let bytes = 0
    let tail = ''
    for await (const data of socket) {
      bytes += (data as Buffer).length
      tail = `${tail}${(data as Buffer).subarray(-100)}`.slice(-100)
    }
    expect(bytes).toBeGreaterThan(64 * MIB)
    expect(tail).toContain('data: [DONE]')
  }
})

test('a whole answer that breaks off is no short answer, is not asked for again, and is logged as cut', async () => {
  upstream.fail({ type: 'cut', afterChunks: 1 })
  const client = new OpenAI({ baseURL: server.baseURL, apiKey: KEYS.alpha })
  const error = await client.chat.completions.create(ask('cut in its midst')).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(Error)
  expect(upstream.count()).toBe(1)
  await until(() => server.lines().length === 1, 'the log line')
  expect(server.lines()[0]).toMatchObject({ status: 200, outcome: 'failed' })
})

test('a whole answer says how long it is; a stream does not, and begins before its first word', async () => {
  const whole = await agent().chat.completions.create(ask('how long?')).asResponse()
  expect(Number(whole.headers.get('content-length'))).toBe((await whole.text()).length)
  upstream.fail({ type: 'hang', after: 'headers' })
  const stream = await agent().chat.completions.create(question('how long?'), { timeout: 5_000 }).asResponse()
  expect(stream.headers.get('content-length')).toBeNull()
  await stream.body?.cancel()
})
