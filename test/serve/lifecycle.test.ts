import type { FakeOpenAI } from '@hotdash/llm-gateway-testing'
import OpenAI from 'openai'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { all, chatOf } from '../conformance/streams.ts'
import { startSupabase } from '../supabase/server.ts'
import { ask, until } from '../support.ts'
import { createCleanup, fake, KEYS, type Served, serve, UPSTREAM_KEY } from './kit.ts'
import { connected } from './raw.ts'

const cleanup = createCleanup()
let upstream: FakeOpenAI
beforeEach(async () => {
  upstream = await fake(cleanup, { chunkDelayMs: 30 })
})
afterEach(() => cleanup.run())

const agent = ({ baseURL }: Served) => new OpenAI({ baseURL, apiKey: KEYS.alpha, maxRetries: 0 })
const question = (at: number) => ({
  ...ask(`question ${at}`),
  stream: true as const,
  stream_options: { include_usage: true },
})

/** Starts `count` streams and waits until each has sent chunks; `ends` resolves with the outcome of each. */
async function streams(server: Served, count: number) {
  const client = agent(server)
  let begun = 0
  const ends = Promise.allSettled(
    Array.from({ length: count }, async (_, at) => {
      const chunks: OpenAI.Chat.ChatCompletionChunk[] = []
      for await (const chunk of await client.chat.completions.create(question(at))) {
        if (chunks.push(chunk) === 2) begun += 1
      }
      return await chatOf(chunks)
    }),
  )
  await until(() => begun === count, 'all streams have begun')
  return { ends }
}

test('SIGTERM in mid-stream loses no word and no record', async () => {
  const supabase = await startSupabase()
  cleanup.after(() => supabase.close())
  const server = await serve(cleanup, {
    upstream: upstream.baseURL,
    env: { SUPABASE_URL: supabase.url, SUPABASE_SECRET_KEY: supabase.keys.secret },
  })
  const { ends } = await streams(server, 20)
  server.child.kill('SIGTERM')
  await until(() => server.err().includes('SIGTERM'), 'the signal is heard')
  // It is told before the port is closed.
  const reached = () =>
    connected(server.port).then(
      (socket) => {
        socket.destroy()
        return 'a connection'
      },
      (error: NodeJS.ErrnoException) => error.code,
    )
  await expect.poll(reached).toBe('ECONNREFUSED')
  const answers = await ends
  const bare = new OpenAI({ baseURL: upstream.baseURL, apiKey: UPSTREAM_KEY })
  const expected = Array.from({ length: 20 }, async (_, at) =>
    chatOf(await all(await bare.chat.completions.create(question(at)))),
  )
  expect(answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : answer.reason))).toEqual(
    await Promise.all(expected),
  )
  expect(await server.ended).toBe(0)
  expect(server.err()).toMatch(/SIGTERM: [1-9]\d* under way.*\n.*done\n$/)
  expect(server.lines().map(({ status, outcome }) => [status, outcome])).toEqual(
    Array.from({ length: 20 }, () => [200, 'complete']),
  )
  const rows = await supabase.sql("select status, team from llm_usage where status = 'ok' and team = 'alpha'")
  expect(rows).toHaveLength(20)
})

test('before it stops listening it can say for a while that it will', async () => {
  const server = await serve(cleanup, { upstream: upstream.baseURL, flags: ['--shutdown-delay', '2'] })
  const readiness = () => fetch(`http://127.0.0.1:${server.port}/health/readiness`)
  expect((await readiness()).status).toBe(200)
  server.child.kill('SIGTERM')
  await until(() => server.err().includes('SIGTERM'), 'the signal is heard')
  const ready = await readiness()
  expect([ready.status, await ready.json()]).toEqual([503, { status: 'draining' }])
  expect((await fetch(`http://127.0.0.1:${server.port}/health/liveliness`)).status).toBe(200)
  expect((await agent(server).chat.completions.create(ask('still?'))).choices).toHaveLength(1)
  upstream.fail({ type: 'latency', ms: 3_000 })
  expect((await agent(server).chat.completions.create(ask('and later?'))).choices).toHaveLength(1)
  expect(await server.ended).toBe(0)
})

test('what outlasts its grace is cut off, visibly, and the program ends well', async () => {
  const server = await serve(cleanup, { upstream: upstream.baseURL, flags: ['--grace', '0.3'] })
  upstream.fail({ type: 'slow', chunkDelayMs: 1_000 }, { times: 3 })
  const { ends } = await streams(server, 3)
  server.child.kill('SIGTERM')
  for (const end of await ends) expect(end.status).toBe('rejected')
  expect(await server.ended).toBe(0)
  expect(server.err()).toContain('3 did not finish in time')
  expect(server.lines().map(({ outcome }) => outcome)).toEqual(['aborted', 'aborted', 'aborted'])
})

test('silent connections do not delay the end of the server', async () => {
  const server = await serve(cleanup, { upstream: upstream.baseURL, flags: ['--grace', '60'] })
  const silent = await connected(server.port)
  silent.on('error', () => undefined)
  await agent(server).chat.completions.create(ask('one'))
  server.child.kill('SIGINT')
  expect(await server.ended).toBe(0)
})

test('a second signal ends it at once', async () => {
  const server = await serve(cleanup, { upstream: upstream.baseURL })
  upstream.fail({ type: 'hang', after: 'headers' })
  const hung = agent(server)
    .chat.completions.create(question(1))
    .then((stream) => all(stream))
    .catch((error: unknown) => error)
  await until(() => upstream.count() === 1, 'the call is under way')
  server.child.kill('SIGTERM')
  await until(() => server.err().includes('SIGTERM'), 'the signal is heard')
  server.child.kill('SIGTERM')
  expect(await server.ended).toBe(1)
  expect(await hung).toBeInstanceOf(Error)
})
