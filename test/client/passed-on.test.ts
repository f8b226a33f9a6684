import { createGatewayClient } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import OpenAI, { type ClientOptions } from 'openai'
import { bedrock } from 'openai/providers/bedrock'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { outcomeOf } from '../conformance/outcome.ts'
import { runs } from '../runs.ts'
import { ask } from '../support.ts'
import { gateway, JSON_TYPE, text } from './own-fetch-kit.ts'
import { answering, startUpstream } from './upstream.ts'

// What a program gives to a client or to a request has the effect that it has with the bare client, and stays its own.

beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => undefined))
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
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
