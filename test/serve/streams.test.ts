import { execFileSync } from 'node:child_process'
import type { FakeOpenAI } from '@hotdash/llm-gateway-testing'
import OpenAI from 'openai'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { all, chatOf } from '../conformance/surfaces.ts'
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

test('200 streams at a time, each with its own answer', { timeout: 60_000 }, async () => {
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
  expect(server.lines()[0]).toMatchObject({ end: 'left', path: '/v1/chat/completions' })
})

const memory = () =>
  Number(execFileSync('ps', ['-o', 'rss=', '-p', String(server.child.pid)]).toString()) / 1024

test('readers that do not read cost a bounded part of a long answer, and get all of it once they do', {
  timeout: 60_000,
}, async () => {
  const piece = { choices: [{ index: 0, delta: { content: 'a'.repeat(64 * 1024) }, finish_reason: null }] }
  const end = { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }
  const long = [...Array.from({ length: 1_024 }, () => piece), end, 'data: [DONE]\n\n']
  await answer(agent(), 'warm up')
  const before = memory()
  const readers = await Promise.all(
    Array.from({ length: 4 }, async (_, at) => {
      upstream.answer({ chunks: long })
      const socket = await connected(server.port)
      const body = JSON.stringify(question(`long ${at}`))
      const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEYS.alpha}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`
      socket.write(head + body)
      socket.pause()
      return socket
    }),
  )
  await until(() => upstream.count() === 5, 'all are under way')
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  // 256 MiB are on their way; each recording may hold 8, and what the connections hold comes on top.
  expect(memory() - before).toBeLessThan(150)
  for (const socket of readers) {
    let bytes = 0
    let tail = ''
    for await (const data of socket) {
      bytes += (data as Buffer).length
      tail = (tail + data).slice(-100)
    }
    expect(bytes).toBeGreaterThan(64 * 1024 * 1024)
    expect(tail).toContain('data: [DONE]')
  }
})
