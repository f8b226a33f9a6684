import { expect, test, vi } from 'vitest'
import { completion } from './client/upstream.ts'
import { closeLater } from './closing.ts'
import { ask } from './support.ts'
import { bodyOf, clients, serve } from './transport-kit.ts'

// Without a given `fetch`, requests use the connection pool of Node's own `fetch`, without the rest of it. These tests
// compare that with Node's own `fetch`, as the bare client uses it.

const DISPATCHER = Symbol.for('undici.globalDispatcher.1')
type Dispatcher = { dispatch: (request: { path: string; origin: string }, handler: object) => boolean }
const globals = globalThis as unknown as { [DISPATCHER]: Dispatcher }

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

test('upstream sees the same request: line, headers and body', async () => {
  const seen: unknown[] = []
  const baseURL = await serve(async (request, response) => {
    const { method, url, headers } = request
    seen.push({ method, url, headers, body: await bodyOf(request) })
    response.setHeader('content-type', 'application/json').end(JSON.stringify(completion('hello')))
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
    response.setHeader('content-type', 'application/json').end(JSON.stringify(completion('hello')))
  })
  const { client } = await clients(baseURL)
  const { dispatched } = await watched(async () => await client.chat.completions.create(ask('hello')))
  expect(dispatched).toEqual(['/v1/chat/completions'])
})

test('a `fetch` that replaces Node’s own is called', async () => {
  const baseURL = await serve((_, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(completion('hello')))
  })
  const own = fetch
  const called: string[] = []
  closeLater(() => vi.unstubAllGlobals())
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
    response.setHeader('content-type', 'application/json').end(JSON.stringify(completion('hello')))
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
