import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { createGatewayClient } from '@hotdash/llm-gateway'
import OpenAI, { APIConnectionError, APIUserAbortError, type ClientOptions } from 'openai'
import { afterEach, expect, test, vi } from 'vitest'
import { ask, until } from './support.ts'

// Without a given `fetch`, requests use the connection pool of Node's own `fetch`, without the rest of it. These tests
// compare that with Node's own `fetch`, as the bare client uses it.

const DISPATCHER = Symbol.for('undici.globalDispatcher.1')
type Dispatcher = { dispatch: (request: { path: string; origin: string }, handler: object) => boolean }
const globals = globalThis as unknown as { [DISPATCHER]: Dispatcher }

const servers: Server[] = []
afterEach(() => {
  vi.unstubAllGlobals()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer((request, response) =>
    request.url === '/v1/embeddings' ? void response.end('{}') : listener(request, response),
  )
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
}

/** An upstream's first answer comes by `fetch`: this one is not what is looked at. */
async function clients(baseURL: string, options: ClientOptions = {}) {
  const all = { baseURL, apiKey: 'test', maxRetries: 0, ...options }
  const client = createGatewayClient({ ...all, gateway: { quota: false, agent: 'support' } })
  await client.embeddings.create({ model: 'text-embedding-3-large', input: 'first' }).catch(() => undefined)
  return { bare: new OpenAI(all), client }
}

/** Records the requests that the dispatcher of `fetch` gets, from any caller. */
async function watched<T>(work: () => Promise<T>): Promise<{ result: T; dispatched: string[] }> {
  const own = globals[DISPATCHER]
  const dispatched: string[] = []
  globals[DISPATCHER] = {
    dispatch(request, handler) {
      dispatched.push(request.path)
      return own.dispatch(request, handler)
    },
  }
  try {
    return { result: await work(), dispatched }
  } finally {
    globals[DISPATCHER] = own
  }
}

const answer = (content: string) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-4o-mini',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content, refusal: null },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
})

async function bodyOf(request: IncomingMessage) {
  let body = ''
  for await (const piece of request) body += piece
  return body
}

test('upstream sees the same request: line, headers and body', async () => {
  const seen: unknown[] = []
  const baseURL = await serve(async (request, response) => {
    const { method, url, headers } = request
    seen.push({ method, url, headers, body: await bodyOf(request) })
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer('hello')))
  })
  const options = {
    defaultHeaders: { Host: 'elsewhere.test', 'X-Own': 'ö', 'X-Several': 'a, b' },
    organization: 'org',
  }
  const { bare, client } = await clients(baseURL, options)
  for (const each of [bare, client]) await each.chat.completions.create(ask('hello'), { query: { a: 'b c' } })
  expect(seen[1]).toEqual(seen[0])
})

test('the request goes through what stands in the place of the connections of `fetch`', async () => {
  const baseURL = await serve((_, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer('hello')))
  })
  const { client } = await clients(baseURL)
  const { dispatched } = await watched(async () => await client.chat.completions.create(ask('hello')))
  expect(dispatched).toEqual(['/v1/chat/completions'])
})

test('a `fetch` that replaces Node’s own is called', async () => {
  const baseURL = await serve((_, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer('hello')))
  })
  const own = fetch
  const called: string[] = []
  vi.stubGlobal('fetch', async function fetch(...[input, init]: Parameters<typeof own>) {
    called.push(String(input))
    return await own(input, init)
  })
  const { client } = await clients(baseURL)
  await client.chat.completions.create(ask('hello'))
  expect(called).toEqual([`${baseURL}/embeddings`, `${baseURL}/chat/completions`])
})

test('a dispatcher of the caller’s own is used', async () => {
  const baseURL = await serve((_, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer('hello')))
  })
  const shared = globals[DISPATCHER]
  let used = 0
  const dispatcher = {
    dispatch(request: { path: string; origin: string }, handler: object) {
      used += 1
      return shared.dispatch(request, handler)
    },
  }
  const { client } = await clients(baseURL, { fetchOptions: { dispatcher } as object })
  const { dispatched } = await watched(async () => await client.chat.completions.create(ask('hello')))
  expect(used).toBe(2)
  expect(dispatched).toEqual([])
})

const text = JSON.stringify(answer('compressed '.repeat(2_000)))
test.each([
  ['gzip', gzipSync(text)],
  ['x-gzip', gzipSync(text)],
  ['deflate', deflateSync(text)],
  ['deflate', deflateRawSync(text)],
  ['br', brotliCompressSync(text)],
  ['gzip, br', brotliCompressSync(gzipSync(text))],
  ['identity', Buffer.from(text)],
  ['never-heard-of', Buffer.from(text)],
])('a body in %s arrives as the bare client reads it', async (encoding, bytes) => {
  const baseURL = await serve((_, response) => {
    response.setHeader('content-type', 'application/json').setHeader('content-encoding', encoding)
    for (let at = 0; at < bytes.length; at += 97) response.write(bytes.subarray(at, at + 97))
    response.end()
  })
  const { bare, client } = await clients(baseURL)
  const [theirs, ours] = [
    await bare.chat.completions.create(ask('a')),
    await client.chat.completions.create(ask('a')),
  ]
  expect(ours).toEqual(theirs)
  expect(ours.choices[0]?.message.content).toContain('compressed')
})

test('a stream in gzip arrives as it comes', async () => {
  let release = () => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const { createGzip, constants } = await import('node:zlib')
  const chunk = (content: string) =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`
  const baseURL = await serve(async (_, response) => {
    response.setHeader('content-type', 'text/event-stream').setHeader('content-encoding', 'gzip')
    const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH })
    gzip.pipe(response)
    gzip.write(chunk('one'))
    await gate
    gzip.end(`${chunk('two')}data: [DONE]\n\n`)
  })
  const { client } = await clients(baseURL)
  const said: (string | null | undefined)[] = []
  for await (const part of await client.chat.completions.create({ ...ask('a'), stream: true })) {
    said.push(part.choices[0]?.delta.content)
    release()
  }
  expect(said).toEqual(['one', 'two'])
})

const broken: [string, RequestListener][] = [
  [
    'invalid gzip',
    (_, response) => {
      response
        .setHeader('content-type', 'application/json')
        .setHeader('content-encoding', 'gzip')
        .end('not gzip')
    },
  ],
  [
    'a body that breaks off',
    (_, response) => {
      response
        .setHeader('content-type', 'application/json')
        .setHeader('content-length', '5000')
        .write('{"id":')
      setTimeout(() => response.destroy(), 20)
    },
  ],
  [
    'a reset before the answer',
    (request) => {
      request.socket.resetAndDestroy()
    },
  ],
  [
    'no content',
    (_, response) => {
      response.writeHead(204).end()
    },
  ],
  [
    'an empty body',
    (_, response) => {
      response.setHeader('content-type', 'application/json').setHeader('content-encoding', 'gzip').end()
    },
  ],
  [
    'a proxy that asks for a login',
    (_, response) => {
      response.writeHead(407, { 'content-type': 'application/json' }).end('{}')
    },
  ],
  [
    'a redirect without an end',
    (_, response) => {
      response.writeHead(307, { location: '/v1/chat/completions' }).end()
    },
  ],
]
test.each(broken)('%s ends as it does for the bare client', async (_, listener) => {
  const baseURL = await serve(listener)
  const { bare, client } = await clients(baseURL)
  const outcome = async (of: OpenAI) => {
    try {
      return { result: (await of.chat.completions.create(ask('a'))) ?? null }
    } catch (error) {
      const { name, message, status } = error as Error & { status?: number }
      const cause = (error as Error).cause as Error | undefined
      return { name, message, status, cause: cause && `${cause.name}: ${cause.message}` }
    }
  }
  expect(await outcome(client)).toEqual(await outcome(bare))
})

test('a Response tells the same as that of `fetch`', async () => {
  const baseURL = await serve((_, response) => {
    response.writeHead(200, 'Fine', [
      ...['content-type', 'application/json; charset=utf-8'],
      ...['Set-Cookie', 'a=1; Path=/'],
      ...['Set-Cookie', 'b=2'],
      ...['X-Twice', 'one'],
      ...['x-twice', 'two'],
      ...['X-Empty', ''],
      ...['X-Latin', Buffer.from('grün', 'utf8').toString('latin1')],
      ...['X-Spaces', '  in  between'],
      ...['date', 'Mon, 23 Nov 2026 00:00:00 GMT'],
    ])
    response.end(JSON.stringify(answer('hello')))
  })
  const { bare, client } = await clients(baseURL)
  const told = async (of: OpenAI) => {
    const response = await of.chat.completions.create(ask('a')).asResponse()
    const { status, statusText, ok, url, type, redirected, bodyUsed } = response
    const headers = [...response.headers].filter(([name]) => !name.startsWith('x-gateway-'))
    const cookies = response.headers.getSetCookie()
    const named = ['x-twice', 'X-EMPTY', 'x-latin', 'x-none'].map((name) => response.headers.get(name))
    const isResponse = response instanceof Response && response.headers instanceof Headers
    const text = await response.clone().text()
    const read = {
      status,
      statusText,
      ok,
      url,
      type,
      redirected,
      bodyUsed,
      headers,
      cookies,
      named,
      isResponse,
      text,
    }
    return { ...read, json: await response.json(), usedThen: response.bodyUsed }
  }
  expect(await told(client)).toEqual(await told(bare))
})

test('a redirect is followed, and its origin left to `fetch` from then on', async () => {
  const asked: string[] = []
  const baseURL = await serve(async (request, response) => {
    asked.push(`${request.method} ${request.url} ${(await bodyOf(request)).length > 0}`)
    if (request.url?.startsWith('/v1'))
      return response.writeHead(308, { location: '/v2/chat/completions' }).end()
    return response.setHeader('content-type', 'application/json').end(JSON.stringify(answer('moved')))
  })
  const { client } = await clients(baseURL)
  const { data, response } = await client.chat.completions.create(ask('a')).withResponse()
  expect(data.choices[0]?.message.content).toBe('moved')
  expect(response.url).toContain('/v2/chat/completions')
  expect(asked.at(-1)).toBe('POST /v2/chat/completions true')
  const before = asked.length
  await client.chat.completions.create(ask('b'))
  expect(asked.length - before).toBe(2)
})

test('a server that is not there is told of as `fetch` tells it', async () => {
  const baseURL = await serve(() => undefined)
  const { bare, client } = await clients(baseURL)
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
  const errors = await Promise.all(
    [bare, client].map((each) =>
      each.chat.completions.create(ask('a')).catch((error: unknown) => error as Error),
    ),
  )
  for (const error of errors) expect(error).toBeInstanceOf(APIConnectionError)
  const [theirs, ours] = errors.map(
    (error) => (error as Error).cause as Error & { cause?: { code?: string } },
  )
  expect(ours?.message).toBe(theirs?.message)
  expect(ours?.cause?.code).toBe(theirs?.cause?.code)
})

test('a call aborted early or late leaves no connection behind', async () => {
  const sockets: boolean[] = []
  const baseURL = await serve((request) => {
    const place = sockets.push(true) - 1
    request.socket.once('close', () => {
      sockets[place] = false
    })
  })
  const { client } = await clients(baseURL)
  const early = new AbortController()
  const call = client.chat.completions.create(ask('a'), { signal: early.signal })
  early.abort()
  await expect(call).rejects.toBeInstanceOf(APIUserAbortError)
  const late = new AbortController()
  const hanging = client.chat.completions.create(ask('b'), { signal: late.signal })
  await until(() => sockets.at(-1) === true, 'the second call arrives')
  late.abort()
  await expect(hanging).rejects.toBeInstanceOf(APIUserAbortError)
  await until(() => sockets.every((isOpen) => !isOpen), 'all connections are closed')
  expect(await client.gateway.flush()).toBe(true)
})

test('an upstream that is faster than its reader waits for it', async () => {
  let written = 0
  const frame = `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content: 'x'.repeat(60_000) }, finish_reason: null }] })}\n\n`
  const baseURL = await serve(async (_, response) => {
    response.setHeader('content-type', 'text/event-stream')
    for (let count = 0; count < 1_000 && !response.destroyed; count += 1) {
      written += frame.length
      if (!response.write(frame)) await new Promise((resolve) => response.once('drain', resolve))
    }
    response.end('data: [DONE]\n\n')
  })
  const { client } = await clients(baseURL)
  const stream = await client.chat.completions.create({ ...ask('a'), stream: true })
  let chunks = 0
  let least = 0
  for await (const _ of stream) {
    chunks += 1
    // What is kept for followers (8 MB) may come in advance; of 60 MB most must wait.
    if (chunks === 1) {
      await new Promise((resolve) => setTimeout(resolve, 300))
      least = written
    }
  }
  expect(least).toBeLessThan(30e6)
  expect(chunks).toBe(1_000)
})
