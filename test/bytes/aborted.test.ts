import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGatewayClient } from '@hotdash/llm-gateway'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientsOf, DONE, jsonOf, sse, streamOf, wireOf } from '../hostile/wire.ts'
import { until } from '../support.ts'
import { role, say, stop, usageChunk } from './chunk.ts'

const ASK = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'x' }] }
const pieces = [sse(role, say('one ')), sse(say('two ')), sse(stop(), usageChunk, DONE)]

/** Reasons of an abort: the default, errors of all kinds, and values that are none. */
const REASONS: [name: string, reason: unknown][] = [
  ['the default', undefined],
  ['an Error', new Error('the page was closed')],
  ['a time-out', new DOMException('too slow', 'TimeoutError')],
  ['an AbortError of its own', new DOMException('enough', 'AbortError')],
  ['a text', 'enough'],
  ['null', null],
  ['an empty text', ''],
  ['zero', 0],
]

/** An upstream over a socket, whose streams stand still after their first event until their caller leaves. */
let server: Server
let baseURL: string
beforeAll(async () => {
  server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(pieces[0])
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
})
afterAll(() => void server.close().closeAllConnections())

/** Returns the error of a body whose caller aborts after that number of reads. */
async function errorOf(client: OpenAI, reason: unknown, reads: number): Promise<unknown> {
  const controller = new AbortController()
  const { body } = await client.chat.completions
    .create({ ...ASK, stream: true }, { signal: controller.signal })
    .asResponse()
  const reader = (body as ReadableStream<Uint8Array>).getReader()
  for (let read = 0; read < reads; read += 1) await reader.read()
  controller.abort(reason)
  try {
    for (;;) if ((await reader.read()).done) return 'no error'
  } catch (error) {
    return error
  }
}

test.each(REASONS)(
  'a stream that its caller aborts ends with the error of a bare client: %s',
  async (_, reason) => {
    const options = { baseURL, apiKey: 'k', maxRetries: 0, logLevel: 'off' as const }
    const bare = new OpenAI(options)
    const client = createGatewayClient({ ...options, gateway: { policy: {}, redis: false } })
    // The first request of a process to an origin leaves by `fetch`, later ones by its connections.
    for (const reads of [0, 1, 1]) {
      const expected = await errorOf(bare, reason, reads)
      const seen = await errorOf(client, reason, reads)
      expect(nameOf(seen)).toEqual(nameOf(expected))
      if (expected === reason) expect(seen).toBe(reason)
    }
    await client.gateway.close()
  },
)

const nameOf = (error: unknown) =>
  error instanceof Error ? [error.constructor.name, error.name, error.message] : error

test('one reader of a shared stream that aborts takes nothing from the other', async () => {
  const wire = wireOf(streamOf(...pieces))
  const { client } = clientsOf(wire)
  wire.hold(1)
  const controller = new AbortController()
  const ask = (signal?: AbortSignal) =>
    client.chat.completions.create({ ...ASK, stream: true }, signal && { signal })
  const [first, second] = await Promise.all([ask(controller.signal), ask()])
  const read = async (chunks: typeof first) => {
    let said = ''
    for await (const chunk of chunks) said += chunk.choices[0]?.delta.content ?? ''
    return said
  }
  const [one, other] = [read(first), read(second)]
  await until(() => wire.held() > 0, 'the body stands still')
  controller.abort()
  wire.release()
  expect(await other).toBe('one two ')
  expect(['', 'one ']).toContain(await one)
  expect(wire.calls()).toBe(1)
})

const message = { role: 'assistant', content: 'fine', refusal: null }
const whole = (choice: object) => ({
  id: 'x',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message, logprobs: null, finish_reason: 'stop', ...choice }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
})

/** Whole answers; only some can be streamed without loss. */
const ANSWERS: [what: string, answer: object, streams: boolean][] = [
  ['a usual one', whole({}), true],
  ['a choice that is not at its place', whole({ index: 1 }), false],
  ['a member that streams have in another place', whole({ delta: { content: 'other' } }), false],
  [
    'a call without an id',
    whole({
      message: { ...message, tool_calls: [{ type: 'function', function: { name: 'f', arguments: '{}' } }] },
      finish_reason: 'tool_calls',
    }),
    false,
  ],
  [
    'content that is no text',
    whole({ message: { ...message, content: [{ type: 'text', text: 'x' }] } }),
    false,
  ],
]

test.each(ANSWERS)(
  'a caller that wants a stream of a whole answer under way: %s',
  async (_, answer, streams) => {
    const wire = wireOf(jsonOf(JSON.stringify(answer)))
    const streamed = wireOf(streamOf(...pieces))
    const joined = {
      ...wire,
      fetch: ((input, init) =>
        String(init?.body).includes('"stream":true')
          ? streamed.fetch(input, init)
          : wire.fetch(input, init)) as typeof fetch,
    }
    const { client } = clientsOf(joined)
    wire.hold(0)
    const first = client.chat.completions.create(ASK)
    await until(() => wire.held() > 0, 'the whole answer is under way')
    const second = client.chat.completions.create({ ...ASK, stream: true })
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    wire.release()
    expect(await first).toMatchObject({ choices: [{ finish_reason: expect.any(String) }] })
    let said = ''
    for await (const chunk of await second) said += chunk.choices[0]?.delta.content ?? ''
    // An answer that would lose something in a stream is asked for again, as one.
    expect([said, streamed.calls()]).toEqual(streams ? ['fine', 0] : ['one two ', 1])
  },
)
