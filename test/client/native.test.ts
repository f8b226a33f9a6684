import { inspect } from 'node:util'
import { createGatewayClient } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import OpenAI from 'openai'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { runs } from '../runs.ts'
import { ask } from '../support.ts'
import { completion, json, startUpstream } from './upstream.ts'

// Answers of the gateway against those of the bare client: each thing that a program can do with a Response or its headers.

beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => undefined))
afterEach(() => vi.restoreAllMocks())

const OURS = /^x-gateway-/
const names = ['content-type', 'X-Own', 'set-cookie', 'x-none', 'Not A Name', '', 'x-gateway-call-id']
const name = fc.constantFrom(...names)
const value = fc.constantFrom('1', ' a ', 'é', '日本', 'a\r\nb', '')

type Use = (headers: Headers, name: string, value: string) => unknown
const listed = (pairs: Iterable<[string, string]>) => [...pairs].filter(([name]) => !OURS.test(name))

/** `P`: as borrowed from the prototype. */
const P = Headers.prototype
const USES: Record<string, Use> = {
  get: (headers, name) => (OURS.test(name) ? '' : headers.get(name)),
  'get, borrowed': (headers, name) => (OURS.test(name) ? '' : P.get.call(headers, name)),
  has: (headers, name) => OURS.test(name) || headers.has(name),
  'has, borrowed': (headers, name) => OURS.test(name) || P.has.call(headers, name),
  set: (headers, name, value) => headers.set(name, value),
  append: (headers, name, value) => headers.append(name, value),
  delete: (headers, name) => headers.delete(name),
  'set without arguments': (headers) => (headers.set as () => void)(),
  getSetCookie: (headers) => headers.getSetCookie(),
  'getSetCookie, borrowed': (headers) => P.getSetCookie.call(headers),
  entries: (headers) => listed(headers.entries()),
  'entries, borrowed': (headers) => listed(P.entries.call(headers)),
  iterator: (headers) => listed(headers),
  keys: (headers) => [...P.keys.call(headers)].filter((name) => !OURS.test(name)),
  values: (headers) => [...headers.values()].length > 0,
  forEach: (headers) => {
    const seen: unknown[] = []
    P.forEach.call(headers, (value, name, parent) => {
      if (!OURS.test(name)) seen.push([name, value, parent === headers])
    })
    return seen
  },
  copy: (headers) => listed(new Headers(headers)),
  'copy in a Response': (headers) => listed(new Response(null, { headers }).headers),
  structuredClone: (headers) => structuredClone(headers),
  instanceof: (headers) => [headers instanceof Headers, headers.constructor === Headers],
  prototype: (headers) => Object.getPrototypeOf(headers) === Headers.prototype,
  'own keys': (headers) => [Object.keys(headers), JSON.stringify(headers), { ...headers }],
  toString: (headers: Headers) => [
    Object.prototype.toString.call(headers),
    `${inspect(headers).slice(0, 9)}`,
  ],
  proxied: (headers) => new Proxy(headers, {}).get('x-own'),
}
const step = fc.record({ use: fc.constantFrom(...Object.keys(USES)), name, value })

/** What both kinds of streams have in common. */
type Streamed = ReturnType<OpenAI['chat']['completions']['stream']>

const RESPONSES: Record<string, (response: Response) => unknown> = {
  status: ({ status, statusText, ok, type, redirected, url }) => [
    status,
    statusText,
    ok,
    type,
    redirected,
    url,
  ],
  'own keys': (response) => [Object.keys(response), JSON.stringify(response)],
  structuredClone: (response) => structuredClone(response),
  instanceof: (response) => [response instanceof Response, response.constructor === Response],
  toString: (response: Response) => Object.prototype.toString.call(response),
  inspected: (response) => [...inspect(response).matchAll(/^ {2}(\w+):/gm)].map(([, name]) => name),
  'same headers': (response) => new Set([response.headers, response.headers]).size,
  'headers are set': (response) => {
    ;(response as { headers: unknown }).headers = 1
  },
  text: (response) => response.text(),
  json: (response) => response.json(),
  'body is used': (response) => response.bodyUsed,
  'body is locked': (response) => response.body?.locked,
  clone: async (response) => {
    const { url, type, status, headers } = response.clone()
    return [url, type, status, listed(headers)]
  },
  "clone's headers": (response) => response.clone().headers.set('a', 'b'),
}

/** Of a hit, which brings only what lasts of an answer's headers: what kind of thing it is, and what it allows. */
const ITS_KIND = new Set([
  ...['set', 'append', 'delete', 'set without arguments', 'structuredClone', 'instanceof', 'prototype'],
  ...['own keys', 'toString', 'status', 'inspected', 'same headers', 'headers are set', 'body is used'],
  ...['body is locked', "clone's headers"],
])

async function told(work: () => unknown): Promise<unknown> {
  try {
    return await work()
  } catch (error) {
    const { name, message } = error as Error
    return [(error as Error).constructor.name, name, message.replace(/#<\w+>/, '#')]
  }
}

const KINDS = ['miss', 'hit', 'follower', 'error'] as const
const scene = fc.record({
  kind: fc.constantFrom(...KINDS),
  stream: fc.boolean(),
  own: fc.constantFrom('default', 'own', 'made'),
  uses: fc.array(step, { minLength: 1, maxLength: 6 }),
  reads: fc.array(fc.constantFrom(...Object.keys(RESPONSES)), { maxLength: 4 }),
})

test('headers and Responses of answers are those of `fetch`, whatever is done with them', async () => {
  const upstream = await startUpstream()
  const headers = { 'x-own': 'of upstream', 'set-cookie': ['a=1; Path=/', 'b=2'], 'retry-after-ms': '1' }
  const made = async (...[input, init]: Parameters<typeof fetch>) => {
    const response = await fetch(input, init)
    return new Response(response.body, { status: response.status, headers: response.headers })
  }
  await fc.assert(
    fc.asyncProperty(scene, async ({ kind, stream, own, uses, reads }) => {
      // What upstream would have answered to a hit is not known; nor whether its headers could be changed.
      fc.pre(!(own === 'made' && kind === 'hit'))
      upstream.serve((_, response) => {
        response.sendDate = false
        if (kind === 'error') return json(response, 400, { error: { message: 'no', code: 'no' } }, headers)
        if (!stream) return json(response, 200, completion('hello'), headers)
        response.writeHead(200, { 'content-type': 'text/event-stream', ...headers })
        const part = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm' }
        const choices = [{ index: 0, delta: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }]
        return response.end(`data: ${JSON.stringify({ ...part, choices })}\n\ndata: [DONE]\n\n`)
      })
      const transport =
        own === 'made'
          ? made
          : own === 'own'
            ? (...args: Parameters<typeof fetch>) => fetch(...args)
            : undefined
      const options = {
        baseURL: upstream.baseURL,
        apiKey: 'test',
        maxRetries: 0,
        ...(transport && { fetch: transport as typeof fetch }),
      }
      const bare = new OpenAI(options)
      const client = createGatewayClient({ ...options, gateway: { agent: 'a', policy: {}, redis: false } })
      const responseOf = async (of: OpenAI) => {
        const call = of.chat.completions.create({ ...ask('a'), stream })
        if (kind !== 'error') return await call.asResponse()
        const error = await Promise.resolve(call).then(
          () => undefined,
          (error: unknown) => error as { headers: Headers },
        )
        return { headers: error?.headers } as Response
      }
      const run = async (response: Response) => {
        const seen: unknown[] = []
        for (const { use, name, value } of uses)
          if (kind !== 'hit' || ITS_KIND.has(use))
            seen.push([use, await told(() => USES[use]?.(response.headers, name, value))])
        if (kind !== 'error')
          for (const read of reads)
            if (kind !== 'hit' || ITS_KIND.has(read))
              seen.push([read, await told(() => RESPONSES[read]?.(response))])
        return seen
      }
      if (kind === 'hit')
        await client.chat.completions
          .create({ ...ask('a'), stream })
          .asResponse()
          .then((it) => it.text())
      await client.gateway.flush()
      const others = kind === 'follower' ? [responseOf(client)] : []
      const ours = await responseOf(client)
      for (const other of await Promise.all(others)) await other.text()
      const theirs = await responseOf(bare)
      expect(await run(ours)).toEqual(await run(theirs))
      await client.gateway.close()
    }),
    { numRuns: runs(100) },
  )
})

test.each([400, 401, 403, 404, 409, 422, 429, 500, 503])(
  "`events('error')` of a stream yields the SDK's own error for %i, buffered or not",
  async (status) => {
    const upstream = await startUpstream((_, response) =>
      json(
        response,
        status,
        { error: { message: 'no', code: 'some' } },
        { 'retry-after-ms': '1', 'set-cookie': ['a=1', 'b=2'] },
      ),
    )
    const options = { baseURL: upstream.baseURL, apiKey: 'test', maxRetries: 0 }
    const seenBy = async (of: OpenAI) => {
      const seen: unknown[] = []
      for (const late of [false, true])
        for (const stream of [
          of.chat.completions.stream(ask('a')),
          of.responses.stream({ model: 'm', input: 'a' }) as unknown as Streamed,
        ]) {
          const events = stream.events('error')
          if (late) await stream.done().catch(() => undefined)
          const list: unknown[] = []
          try {
            for await (const [error] of events as AsyncIterable<[Error & { status?: number; code?: string }]>)
              list.push([error.constructor.name, error.message, error.status, error.code])
          } catch (error) {
            list.push(['thrown', (error as Error).constructor.name, (error as Error).message])
          }
          seen.push(list)
        }
      return seen
    }
    const client = createGatewayClient({ ...options, gateway: { agent: 'a', policy: {}, redis: false } })
    expect(await seenBy(client)).toEqual(await seenBy(new OpenAI(options)))
  },
)
