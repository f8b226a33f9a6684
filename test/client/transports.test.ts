import { createGateway, createGatewayClient } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import OpenAI, { type ClientOptions } from 'openai'
import { bedrock } from 'openai/providers/bedrock'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { outcomeOf } from '../conformance/outcome.ts'
import { runs } from '../runs.ts'
import { ask } from '../support.ts'
import { answering, completion, startUpstream } from './upstream.ts'

// A caller's own `fetch` is asked as the SDK asks it, and what it answers or throws reaches the caller as it would there.

beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => undefined))
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

const gateway = { agent: 'a', policy: {}, redis: false } as const
const text = JSON.stringify(completion('hello'))
const JSON_TYPE = { 'content-type': 'application/json' }

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
        const chunk = {
          id: 'c',
          object: 'chat.completion.chunk',
          created: 1,
          model: 'm',
          choices: [{ index: 0, delta: { content: 'a' }, finish_reason: null }],
        }
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
  const chunk = {
    id: 'c',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta: { content: 'a' }, finish_reason: null }],
  }
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

test('a client made of another has the `fetch` and the credentials that the SDK would give it, and stays governed', async () => {
  const [one, other] = [await startUpstream(), await startUpstream()]
  const change = fc.constantFrom<[string, () => Partial<ClientOptions>]>(
    ['nothing', () => ({})],
    ['baseURL elsewhere', () => ({ baseURL: other.baseURL })],
    [
      'a provider elsewhere',
      () => ({ provider: bedrock({ baseURL: other.baseURL, apiKey: 'bedrock-key' }) }),
    ],
    [
      'a provider at the same place',
      () => ({ provider: bedrock({ baseURL: one.baseURL, apiKey: 'bedrock-key' }) }),
    ],
    ['another key', () => ({ apiKey: 'sk-2' })],
    ['no fetch', () => ({ fetch: undefined })],
    ['headers', () => ({ defaultHeaders: { 'x-own': '2' } })],
  )
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
      const run = async (of: (options: ClientOptions) => OpenAI) => {
        let asked = 0
        const own: typeof fetch = (...args) => {
          asked += 1
          return fetch(...args)
        }
        const parent = of({
          baseURL: one.baseURL,
          apiKey: 'sk-1',
          fetch: own,
          maxRetries: 0,
          defaultHeaders: { 'x-own': '1' },
        })
        return await outcomeOf(async () => {
          const child = changes.reduce<OpenAI>((client, [, options]) => client.withOptions(options()), parent)
          await child.chat.completions.create(ask('a'))
          const books = [one, other].map((each) =>
            each.take().map(({ url, headers, body }) => ({ url, body, headers })),
          )
          return { books, asked, isGoverned: 'gateway' in child }
        })
      }
      const theirs = await run((options) => new OpenAI(options))
      const ours = await run((options) =>
        createGatewayClient({ ...options, gateway: { ...gateway, cache: false } }),
      )
      if ('value' in theirs)
        expect(ours).toEqual({ value: { ...(theirs.value as object), isGoverned: true } })
      else expect(ours).toEqual(theirs)
    }),
    { numRuns: runs(60) },
  )
})

test('options that a caller passes to `request` are never written to, frozen or used again', async () => {
  const upstream = await startUpstream(answering)
  const ids: string[] = []
  const client = createGatewayClient({
    ...{ baseURL: upstream.baseURL, apiKey: 'test' },
    gateway: { ...gateway, cache: false, onCall: ({ id }) => void ids.push(id) },
  })
  const options = Object.freeze({
    method: 'post' as const,
    path: '/chat/completions',
    body: Object.freeze(ask('a')),
  })
  await Promise.all([
    client.request(options),
    client.request(options),
    client.request(Promise.resolve(options)),
  ])
  await client.gateway.flush()
  expect(new Set(ids).size).toBe(3)
  expect(Reflect.ownKeys(options)).toEqual(['method', 'path', 'body'])
})

test('the debug log is the bare client’s, with nothing added and nothing more redacted', async () => {
  const upstream = await startUpstream((_, response) => {
    response.sendDate = false
    response.writeHead(200, { ...JSON_TYPE, 'x-own': '1', 'x-request-id': 'req_1' }).end(text)
  })
  const logged = async (of: (options: ClientOptions) => OpenAI) => {
    const lines: unknown[] = []
    const log = (...words: unknown[]) => {
      const said = JSON.parse(
        JSON.stringify(words.filter((word) => word !== undefined))
          .replaceAll(/log_[0-9a-f]+/g, 'log')
          .replaceAll(/(?<="durationMs":)\d+|(?<= in )\d+(?=ms)/g, '0'),
      )
      for (const word of said)
        for (const part of [word?.headers ?? {}])
          for (const name of Object.keys(part)) if (name.startsWith('x-gateway-')) delete part[name]
      lines.push(
        said,
        words.flatMap((word) =>
          typeof word === 'object' && word !== null ? Object.getOwnPropertySymbols(word) : [],
        ),
      )
    }
    const logger = { debug: log, info: log, warn: log, error: log }
    const client = of({ baseURL: upstream.baseURL, apiKey: 'test', logger, logLevel: 'debug' })
    await client.chat.completions.create(ask('a'), {
      fetchOptions: { keepalive: false },
      headers: { 'x-b': '1' },
    })
    await client.chat.completions.create(ask('b'))
    return lines
  }
  const theirs = await logged((options) => new OpenAI(options))
  expect(await logged((options) => createGatewayClient({ ...options, gateway }))).toEqual(theirs)
})

test('`metadata` that OpenAI stores reaches it as it was written, and is read', async () => {
  const upstream = await startUpstream()
  const names = [
    'session_id',
    'trace_id',
    'existing_trace_id',
    'trace_name',
    'trace_user_id',
    'generation_name',
    'generation_id',
    'trace_version',
    'trace_release',
    'parent_observation_id',
    'tags',
    'trace_metadata',
    'update_trace_keys',
    'mask_input',
    'mask_output',
    'debug_langfuse',
    'own',
  ]
  const metadata = fc.dictionary(fc.constantFrom(...names), fc.string({ minLength: 1, maxLength: 20 }), {
    minKeys: 1,
  })
  await fc.assert(
    fc.asyncProperty(metadata, fc.constantFrom('chat', 'responses'), async (metadata, path) => {
      const sessions: unknown[] = []
      const client = createGatewayClient({
        ...{ baseURL: upstream.baseURL, apiKey: 'test' },
        gateway: { ...gateway, onCall: ({ session }) => void sessions.push(session) },
      })
      const body =
        path === 'chat' ? { ...ask('a'), store: true, metadata } : { model: 'm', input: 'a', metadata }
      upstream.take()
      await client.post(path === 'chat' ? '/chat/completions' : '/responses', { body })
      expect(upstream.take().map(({ body }) => body)).toEqual([JSON.stringify(body)])
      await client.gateway.close()
      expect(sessions).toEqual([Object.hasOwn(metadata, 'session_id') ? metadata.session_id : undefined])
    }),
    { numRuns: runs(60) },
  )
})
