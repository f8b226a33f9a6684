import { createGateway, createGatewayClient } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import OpenAI from 'openai'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { outcomeOf } from '../conformance/outcome.ts'
import { runs } from '../runs.ts'
import { ask } from '../support.ts'
import { gateway, JSON_TYPE, text } from './own-fetch-kit.ts'
import { completion } from './upstream.ts'

// A caller's own `fetch` is asked as the SDK asks it, and what it answers or throws reaches the caller as it would there.

beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => undefined))
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

const chunk = {
  id: 'c',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index: 0, delta: { content: 'a' }, finish_reason: null }],
}

/** Errors as programs make them; each once more for each call. */
const ERRORS: Record<string, () => unknown> = {
  AbortError: () => new DOMException('This operation was aborted', 'AbortError'),
  'AbortError of Node': () => Object.assign(new Error('aborted'), { name: 'AbortError', code: 'ABORT_ERR' }),
  TimeoutError: () => new DOMException('The operation was aborted due to timeout', 'TimeoutError'),
  'a time-out of a library': () => new Error('Request timed out after 5 ms'),
  TypeError: () =>
    new TypeError('fetch failed', { cause: Object.assign(new Error('no'), { code: 'ECONNRESET' }) }),
  Error: () => new Error('boom'),
  'a text': () => 'boom',
}
const breaking = (error: unknown, first: string) =>
  new ReadableStream({
    start(controller) {
      if (first !== '') controller.enqueue(new TextEncoder().encode(first))
    },
    pull: (controller) => controller.error(error),
  })

const MOCKS: Record<string, () => unknown> = {
  'a Response': () => new Response(text, { headers: JSON_TYPE }),
  'a Response without a body': () => new Response(null, { status: 204 }),
  'an object with json': () => ({
    ok: true,
    status: 200,
    headers: new Headers(JSON_TYPE),
    json: async () => completion('hello'),
  }),
  'an object with text': () => ({
    ok: true,
    status: 200,
    headers: new Headers({ 'content-type': 'text/plain' }),
    text: async () => 'plain',
  }),
  'an object with both': () => ({
    ok: true,
    status: 200,
    headers: new Headers(JSON_TYPE),
    text: async () => text,
    json: async () => completion('hello'),
  }),
  'an object with a Map of headers': () => ({
    ok: true,
    status: 200,
    headers: new Map(Object.entries(JSON_TYPE)),
    json: async () => completion('hello'),
  }),
  'an object that failed': () => ({
    ok: false,
    status: 400,
    headers: new Headers(),
    text: async () => '{"error":{"message":"no"}}',
  }),
}

const scene = fc.record({
  what: fc.oneof(
    fc.constantFrom(...Object.keys(MOCKS)).map((name) => ({ kind: 'mock' as const, name })),
    fc.record({
      kind: fc.constantFrom('before' as const, 'in the body' as const),
      name: fc.constantFrom(...Object.keys(ERRORS)),
    }),
  ),
  stream: fc.boolean(),
  maxRetries: fc.constantFrom(0, 1),
})

test('errors and mocks of a `fetch` of the caller’s own reach it as they do with the bare client', async () => {
  await fc.assert(
    fc.asyncProperty(scene, async ({ what: { kind, name }, stream, maxRetries }) => {
      fc.pre(!(kind === 'mock' && stream))
      let calls = 0
      const own = async () => {
        calls += 1
        if (kind === 'mock') return MOCKS[name]?.() as Response
        const error = ERRORS[name]?.()
        if (kind === 'before') throw error
        const type = stream ? 'text/event-stream' : 'application/json'
        const first = stream ? `data: ${JSON.stringify(chunk)}\n\n` : text.slice(0, 20)
        return new Response(breaking(error, first), { headers: { 'content-type': type } })
      }
      const options = {
        baseURL: 'http://127.0.0.1:9/v1',
        apiKey: 'test',
        maxRetries,
        fetch: own,
        logLevel: 'off' as const,
      }
      const run = async (of: OpenAI) => {
        calls = 0
        const parts: unknown[] = []
        const outcome = await outcomeOf(async () => {
          const answer = await of.chat.completions.create({ ...ask('a'), stream })
          if (typeof answer === 'object' && answer !== null && Symbol.asyncIterator in answer)
            for await (const part of answer) parts.push(part)
          else parts.push(answer ?? null)
        })
        return { outcome, parts, calls }
      }
      const theirs = await run(new OpenAI(options))
      const client = createGatewayClient({ ...options, gateway })
      expect(await run(client)).toEqual(theirs)
      await client.gateway.close()
    }),
    { numRuns: runs(100) },
  )
})

test('a call that shares another’s, whose `fetch` gave up, ends in an error and not in half an answer', async () => {
  let go = () => {}
  const gate = new Promise<void>((resolve) => {
    go = resolve
  })
  const own = async () => {
    await gate
    const body = breaking(ERRORS.AbortError?.(), `data: ${JSON.stringify(chunk)}\n\n`)
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }
  const client = createGatewayClient({
    baseURL: 'http://127.0.0.1:9/v1',
    apiKey: 'test',
    maxRetries: 0,
    fetch: own,
    gateway,
  })
  const read = async () => {
    for await (const _ of await client.chat.completions.create({ ...ask('a'), stream: true }));
  }
  const both = [outcomeOf(read), outcomeOf(read)]
  await new Promise((resolve) => setTimeout(resolve, 50))
  go()
  const [leader, follower] = await Promise.all(both)
  // The SDK takes the leader's own for its wish; the follower has not made it.
  expect(leader).toEqual({ value: undefined })
  expect(follower).toMatchObject({ error: { class: 'TypeError', message: 'terminated' } })
})

test('members of a `fetch` stay with it, as they are at the moment', async () => {
  const own = Object.assign(async () => new Response(text, { headers: JSON_TYPE }), {
    calls: 0,
    mock: { of: 'a test' },
  })
  const client = createGatewayClient({
    baseURL: 'http://127.0.0.1:9/v1',
    apiKey: 'test',
    fetch: own,
    gateway,
  })
  for (const seen of [
    (client as unknown as { fetch: typeof own }).fetch,
    createGateway({ ...gateway, fetch: own }).fetch as unknown as typeof own,
  ]) {
    own.calls += 1
    expect(seen.calls).toBe(own.calls)
    expect(seen.mock).toBe(own.mock)
    seen.calls = 7
    expect(own.calls).toBe(7)
    expect(Object.keys(seen)).toEqual(Object.keys(own))
  }
})
