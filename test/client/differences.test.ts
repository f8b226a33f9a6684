import { readFileSync } from 'node:fs'
import { createGateway, createGatewayClient, type GatewayClient } from '@hotdash/llm-gateway'
import nodeFetch from 'node-fetch'
import OpenAI, { type ClientOptions } from 'openai'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { outcomeOf, steady } from '../conformance/outcome.ts'
import { ask } from '../support.ts'
import { answering, completion, json, startUpstream, type Upstream } from './upstream.ts'

// Looks at both clients in many ways; those in which they differ are the rows of the table in docs/client.md.

beforeEach(() => {
  for (const name of ['OPENAI_API_KEY', 'OPENAI_ADMIN_KEY']) vi.stubEnv(name, undefined)
  vi.spyOn(console, 'warn').mockImplementation(() => undefined)
})
afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

type Make = (options?: ClientOptions) => OpenAI
type Probe = (make: Make, upstream: Upstream) => unknown
const call = (client: OpenAI, content = 'a', more: object = {}) =>
  client.chat.completions.create({ ...ask(content), ...more })
const made: typeof fetch = async () =>
  new Response(JSON.stringify(completion('hello')), { headers: { 'content-type': 'application/json' } })
/** A stream in pieces that come one by one, and of which no signal is told. */
const streaming: typeof fetch = async () => {
  const chunk = (delta: object, finish_reason: string | null = null) =>
    `data: ${JSON.stringify({ ...part, choices: [{ index: 0, delta, finish_reason }] })}\n\n`
  const part = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'gpt-4o-mini' }
  const texts = [chunk({ role: 'assistant', content: 'hel' }), chunk({ content: 'lo' }), chunk({}, 'stop')]
  const left = [...texts, 'data: [DONE]\n\n']
  const body = new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setImmediate(resolve))
      const next = left.shift()
      if (next === undefined) controller.close()
      else controller.enqueue(new TextEncoder().encode(next))
    },
  })
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}
const streamOf = async (client: OpenAI) =>
  (await client.chat.completions.create({ ...ask('a'), stream: true })) as AsyncIterable<unknown>
const changed = (headers: Headers) => outcomeOf(async () => headers.set('x-own', '2'))

const PROBES: Record<string, Probe> = {
  'the same question twice': async (make, upstream) => {
    const client = make()
    await call(client)
    await call(client)
    return upstream.take().length
  },
  'headers of an answer': async (make) => [...(await call(make()).asResponse()).headers.keys()],
  'headers of a hit': async (make) => {
    const client = make()
    await call(client)
    return Object.keys(steady((await call(client).asResponse()).headers))
  },
  'a hit whose `fetch` makes its own Responses': async (make) => {
    const client = make({ fetch: made })
    await call(client)
    return await changed((await call(client).asResponse()).headers)
  },
  'a method borrowed from `Response.prototype`': async (make) => {
    const response = await call(make()).asResponse()
    return await outcomeOf(() => Response.prototype.text.call(response))
  },
  'the function in `client.fetch`': (make) =>
    (make({ fetch: made }) as unknown as { fetch: unknown }).fetch === made,
  'own names of the client': (make) => Object.getOwnPropertyNames(make()).length,
  'a routed model that fails': async (make, upstream) => {
    upstream.serve((request, response, entry) =>
      entry.body.includes('gpt-4o-mini')
        ? json(response, 500, { error: { message: 'no' } })
        : answering(request, response, entry),
    )
    return await outcomeOf(() => call(make()))
  },
  'a reused connection that is reset, without retries': async (make, upstream) => {
    const client = make()
    await call(client, 'first')
    let isReset = false
    upstream.serve((request, response, entry) => {
      if (isReset || entry.place === 1) return answering(request, response, entry)
      isReset = true
      return request.socket.resetAndDestroy()
    })
    for (let count = 0; count < 5; count += 1) {
      const outcome = await outcomeOf(() => call(client, `call ${count}`))
      if (isReset) return outcome
    }
    return 'never reused'
  },
  '`cache` in a body': async (make, upstream) => {
    await call(make(), 'a', { cache: { 'no-cache': true } })
    return upstream.take().map(({ body }) => body)
  },
  'no key, beside `LITELLM_*`': async (make) => {
    vi.stubEnv('LITELLM_BASE_URL', 'http://127.0.0.1:9')
    vi.stubEnv('LITELLM_API_KEY', 'sk-proxy')
    return await outcomeOf(async () => typeof make({ apiKey: undefined }))
  },
  'the pieces of a stream that is a hit': async (make) => {
    const client = make({ fetch: streaming })
    const read = async () => {
      const pieces: unknown[] = []
      for await (const part of await streamOf(client)) pieces.push(part)
      return pieces
    }
    await read()
    // A moment later it is no longer in flight.
    if ('gateway' in client) await (client as GatewayClient).gateway.flush()
    return await read()
  },
  'a `fetch` whose Response is a class of its own': async (make) => {
    const own = nodeFetch as unknown as typeof fetch
    const response = await call(make({ fetch: own })).asResponse()
    return [response instanceof Response, response.headers instanceof Headers]
  },
  'a global `fetch` replaced later, under `gateway.fetch`': async (make, { baseURL }) => {
    const made = make()
    const { fetch } = 'gateway' in made ? createGateway({ redis: false }) : globalThis
    const client = new OpenAI({ baseURL, apiKey: 'test', maxRetries: 0, fetch })
    const later = vi.fn(globalThis.fetch)
    vi.stubGlobal('fetch', later)
    await call(client)
    vi.unstubAllGlobals()
    return later.mock.calls.length
  },
  // In these nothing differs.
  'the request': async (make, upstream) => {
    await call(make())
    return upstream.take()
  },
  'what is enumerable': (make) => [Object.keys(make()), JSON.stringify(Object.keys(make()))],
  'class and user agent': (make) => [make().constructor.name, make() instanceof OpenAI],
  'no key': async (make) => await outcomeOf(async () => typeof make({ apiKey: undefined })),
  'headers that are changed': async (make) => await changed((await call(make()).asResponse()).headers),
  'headers of a mock that are changed': async (make) =>
    await changed((await call(make({ fetch: made })).asResponse()).headers),
  'a refusal of upstream': async (make, upstream) => {
    upstream.serve((_, response) => {
      response.sendDate = false
      json(response, 400, { error: { message: 'no', code: 'some', type: 't', param: 'p' } })
    })
    return await outcomeOf(() => call(make()))
  },
  'a stream': async (make) => {
    const parts: unknown[] = []
    for await (const part of (await call(make(), 'a', { stream: true })) as unknown as AsyncIterable<unknown>)
      parts.push(part)
    return parts
  },
  'what is cloned': async (make) => {
    const response = await call(make()).asResponse()
    return [await outcomeOf(async () => structuredClone(response)), response.clone().url === response.url]
  },
}

const page = readFileSync(new URL('../../docs/client.md', import.meta.url), 'utf8')
const rows = page
  .split('## What differs from the bare client')[1]
  ?.split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| what |'))
  .map((line) => line.split(' | ')[0]?.slice(2))

test('the table of the page has the differences that there are, each of them and no other', async () => {
  const found: string[] = []
  for (const [name, probe] of Object.entries(PROBES)) {
    const upstream = await startUpstream()
    const options = { baseURL: upstream.baseURL, apiKey: 'test', maxRetries: 0, logLevel: 'off' as const }
    const theirs = await probe((more) => new OpenAI({ ...options, ...more }), upstream)
    upstream.serve(answering)
    upstream.take()
    const ours = await probe((more) => {
      const routing = { default: 'gpt-4o-mini', fallback: 'gpt-4o' }
      const gateway = { agent: 'a', policy: { routing }, redis: false } as const
      return createGatewayClient({ ...options, ...more, gateway })
    }, upstream)
    vi.stubEnv('LITELLM_BASE_URL', undefined)
    // Of what is sent, the how-manieth request of its connection is chance.
    const told = (value: unknown) => JSON.stringify(value)?.replaceAll(/"place":\d+/g, '')
    if (told(ours) !== told(theirs)) found.push(name)
    upstream.close()
  }
  // Their order on the page is free.
  expect(found.toSorted()).toEqual(rows?.toSorted())
})
