import type { GatewayOptions } from '@hotdash/llm-gateway'
import { createGatewayClient } from '@hotdash/llm-gateway'
import type { FakeRequest } from '@hotdash/llm-gateway-testing'
import OpenAI from 'openai'
import { afterAll, describe, expect, test } from 'vitest'
import { errorOf, type Outcome, outcomeOf, steady } from './conformance/outcome.ts'
import { foldOf, ODD, body as raw, STREAMS, serve } from './conformance/raw.ts'
import {
  all,
  CHATS,
  COMPLETIONS,
  chatOf,
  eventsOf,
  isCached,
  RESPONSES,
  surfaces,
  textsOf,
  uncached,
} from './conformance/surfaces.ts'
import { ask, setup, until } from './support.ts'

const unhandled: unknown[] = []
const note = (reason: unknown) => void unhandled.push(reason)
process.on('unhandledRejection', note)
afterAll(() => {
  process.off('unhandledRejection', note)
})

/** HotDash's own policy allows HotDash's own models; here any may answer, and none is swapped for another. */
const open: GatewayOptions = { policy: {} }

/** What upstream saw of a request. */
const arrived = (requests: readonly FakeRequest[]) =>
  requests.map(({ method, path, query, headers, text }) => ({
    method,
    path,
    query: [...query],
    headers: { ...headers, host: '' },
    text,
  }))

/** How often our `fetch` is called, not how often it calls. */
function counted(client: OpenAI): () => number {
  const inside = client as unknown as { fetch: typeof fetch }
  const door = inside.fetch
  let calls = 0
  inside.fetch = (...args) => {
    calls += 1
    return door(...args)
  }
  return () => calls
}

describe('a miss is what the bare client sees, and upstream sees what the bare client sends', () => {
  test.each(surfaces)('$name', async ({ run, calls }) => {
    const { client, bare, upstream } = await setup(open)
    const expected = await run(bare)
    const sent = arrived(upstream.requests)
    upstream.reset()
    const seen = await run(client)
    expect(seen).toStrictEqual(expected)
    expect(arrived(upstream.requests)).toEqual(sent)
    expect(sent).toHaveLength(calls)
  })
})

describe('a hit is what the bare client sees', () => {
  test.each(surfaces.filter(isCached))('$name', async ({ run, calls }) => {
    const { client, bare, upstream } = await setup(open)
    const expected = await run(bare)
    upstream.reset()
    await run(client)
    const seen = await run(client)
    expect(upstream.count()).toBe(calls)
    expect(seen.same).toStrictEqual(expected.same)
  })
})

describe('a follower of a flight in progress sees what the bare client sees', () => {
  test.each(surfaces.filter(isCached))('$name', async ({ run, calls }) => {
    const { client, bare, upstream } = await setup(open, {}, { latencyMs: 40 })
    const expected = await run(bare)
    upstream.reset()
    const all = await Promise.all([run(client), run(client), run(client)])
    expect(upstream.count()).toBe(calls)
    for (const seen of all) {
      expect(seen.same).toStrictEqual(expected.same)
      if (calls === 1) expect(seen.live).toStrictEqual(expected.live)
    }
  })
})

describe('a late reader sees what the bare client sees, whenever it comes', () => {
  test.each(surfaces.filter(isCached))('$name', async ({ run, calls }) => {
    const { client, bare, upstream } = await setup(open, {}, { latencyMs: 10, chunkDelayMs: 1 })
    const expected = await run(bare)
    upstream.reset()
    const readers = [run(client)]
    await until(() => upstream.count() > 0, 'the question arrives')
    for (const ms of [5, 10, 15, 20]) {
      await new Promise((resolve) => setTimeout(resolve, ms))
      readers.push(run(client))
    }
    for (const seen of await Promise.all(readers)) expect(seen.same).toStrictEqual(expected.same)
    expect(upstream.count()).toBe(calls)
  })
})

describe('the usage that the gateway asks for by itself shows nowhere', () => {
  test.each(surfaces.filter(({ name }) => /stream/.test(name)))('$name', async ({ run }) => {
    const policy = { streamUsage: 'always' as const, routing: {} }
    const { client, bare } = await setup({ policy })
    const expected = await run(bare)
    expect(await run(client)).toStrictEqual(expected)
    expect((await run(client)).same).toStrictEqual(expected.same)
  })
})

const team = (limits: object): GatewayOptions => ({
  policy: { teams: { t: { agents: ['support'], ...limits } } },
})

describe('a refusal surfaces as the same refusal by upstream would', () => {
  const refusals = [
    ['a model not allowed', { models: ['none'] }, 403, 'gateway_model_not_allowed', 'PermissionDeniedError'],
    ['rpm exceeded', { rpm: 1 }, 429, 'gateway_rpm_exceeded', 'RateLimitError'],
  ] as const
  const cases = refusals.flatMap(([why, limits, status, code, type]) =>
    surfaces.map((surface) => ({ ...surface, why, limits, status, code, type })),
  )
  test.each(cases)('$why: $name', async ({ run, limits, status, code, type }) => {
    const { client, bare, upstream } = await setup(team(limits))
    if (status === 429) await client.chat.completions.create(ask('the only one'))
    upstream.reset()
    const fetches = counted(client)
    const error = errorOf(await outcomeOf(() => run(client)))
    expect([fetches(), upstream.count()]).toEqual([1, 0])
    expect([error.class, error.fields.status, error.fields.code]).toEqual([type, status, code])

    const message = (error.fields.error as { message: string }).message
    const { type: errorType } = error.fields as { type: string }
    const headers = { 'x-should-retry': 'false' }
    upstream.fail({ type: 'status', status, code, message, errorType, headers })
    const expected = errorOf(await outcomeOf(() => run(bare)))
    const { headers: _, ...mine } = error
    const { headers: __, ...theirs } = expected
    const param = mine.fields.param
    theirs.fields.param = param
    Object.assign(theirs.fields.error as object, { param })
    expect(mine).toStrictEqual(theirs)
  })

  test('errors are instances of the classes on OpenAI itself', async () => {
    const { client } = await setup(team({ rpm: 1 }))
    await client.chat.completions.create(ask('one'))
    const error = await client.chat.completions.create(ask('two')).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(OpenAI.RateLimitError)
    expect(error).toBeInstanceOf(OpenAI.APIError)
    expect(client).toBeInstanceOf(OpenAI)
  })
})

type Ways = [name: string, (client: OpenAI, options?: OpenAI.RequestOptions) => Promise<unknown>][]

/** What had come before it broke, and how it broke. */
async function reading(stream: PromiseLike<AsyncIterable<unknown>>): Promise<unknown> {
  const chunks: unknown[] = []
  const end = await outcomeOf(async () => {
    for await (const chunk of await stream) chunks.push(structuredClone(chunk))
  })
  return { chunks, end }
}

const ways: Ways = [
  ['chat', (client, options) => outcomeOf(() => client.chat.completions.create(ask('x'), options))],
  ['chat streamed', (client, options) => reading(client.chat.completions.create(streamed('x'), options))],
  [
    'chat .stream()',
    (client, options) =>
      outcomeOf(() => client.chat.completions.stream(streamed('x'), options).finalChatCompletion()),
  ],
  [
    'responses',
    (client, options) => outcomeOf(() => client.responses.create({ model: 'gpt-4o', input: 'x' }, options)),
  ],
  [
    'responses streamed',
    (client, options) =>
      reading(client.responses.create({ model: 'gpt-4o', input: 'x', stream: true }, options)),
  ],
  [
    'responses.stream()',
    (client, options) =>
      outcomeOf(async () => ({
        ...(await client.responses.stream({ model: 'gpt-4o', input: 'x' }, options).finalResponse()),
      })),
  ],
  [
    'completions streamed',
    (client, options) =>
      reading(client.completions.create({ model: 'm', prompt: 'x', stream: true }, options)),
  ],
  [
    'embeddings',
    (client, options) => outcomeOf(() => client.embeddings.create({ model: 'm', input: 'x' }, options)),
  ],
]

const streamed = (content: string) => ({
  ...ask(content),
  stream: true as const,
  stream_options: { include_usage: true },
})

describe('every error by status is the one the bare client throws, for the first caller and for its followers', () => {
  const statuses = [400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 529]
  const cases = statuses.flatMap((status) => ways.map(([name, run]) => ({ status, name, run })))
  test.each(cases)('$status, $name', async ({ status, run }) => {
    const { client, bare, upstream } = await setup(open, { maxRetries: 0 }, { latencyMs: 10 })
    const headers = { 'x-extra': 'yes', 'retry-after': '7', 'x-ratelimit-reset-requests': '8ms' }
    const fault = { type: 'status' as const, status, headers, code: 'some_code', message: 'Because.' }
    upstream.fail(fault)
    const expected = await run(bare)
    upstream.reset()
    upstream.fail(fault, { times: 9 })
    expect(await run(client)).toStrictEqual(expected)
    upstream.reset()
    upstream.fail(fault)
    const together = await Promise.all([run(client), run(client), run(client)])
    for (const outcome of together) expect(outcome).toStrictEqual(expected)
    expect(upstream.count()).toBe(1)
    expect(await run(client)).toStrictEqual(await run(bare))
  })
})

describe('trouble on the way has the outcome it has for the bare client, and is never given again', () => {
  const faults = [
    { type: 'reset' },
    { type: 'reset', after: 'headers' },
    { type: 'cut', afterChunks: 3 },
    { type: 'end', afterChunks: 3 },
    { type: 'error-event', afterChunks: 3 },
    { type: 'malformed', afterChunks: 3 },
    { type: 'split', bytes: 7 },
    { type: 'content-type', value: 'text/plain' },
    { type: 'content-type', value: null },
  ] as const
  const cases = faults.flatMap((fault) =>
    ways.map(([name, run]) => ({ fault, what: JSON.stringify(fault), name, run })),
  )
  test.each(cases)('$what, $name', async ({ fault, run }) => {
    const { client, bare, upstream } = await setup(open, { maxRetries: 0 })
    upstream.fail(fault, { times: 3 })
    const expected = await run(bare)
    expect(await run(client)).toEqual(expected)
    upstream.reset()
    upstream.fail(fault, { times: 2 })
    const again = await run(client)
    if (upstream.count() === 1) expect(again).toEqual(expected)
    upstream.reset()
    const well = await run(bare)
    const then = await run(client)
    if (fault.type !== 'content-type') expect(normal(then)).toEqual(normal(well))
  })
})

/** Streams of hits are cut into other pieces. */
const normal = (outcome: unknown): unknown => {
  const { chunks, ...rest } = outcome as { chunks?: OpenAI.Responses.ResponseStreamEvent[] }
  if (chunks === undefined) return rest
  const isChat = chunks.some((chunk) => 'choices' in chunk)
  return { ...rest, sum: isChat ? foldOf(chunks) : eventsOf(chunks) }
}

describe('an upstream that is not quite OpenAI has the outcome it has for the bare client, twice and in company', () => {
  const cases = Object.entries(ODD).flatMap(([what, answer]) =>
    ways.filter(([name]) => /^chat|^embed/.test(name)).map(([name, run]) => ({ what, answer, name, run })),
  )
  test.each(cases)('$what, $name', async ({ answer, run }) => {
    const { baseURL } = await serve(answer)
    const options = { baseURL, apiKey: 'k', maxRetries: 0 }
    const bare = new OpenAI(options)
    const client = createGatewayClient({ ...options, gateway: { policy: {} } })
    const error = console.error
    console.error = () => undefined
    try {
      const expected = await run(bare)
      expect(await run(client)).toStrictEqual(expected)
      expect(normal(await run(client))).toStrictEqual(normal(expected))
      const fresh = createGatewayClient({ ...options, gateway: { policy: {} } })
      const company = await Promise.all([run(fresh), run(fresh)])
      expect(company).toStrictEqual([expected, expected])
    } finally {
      console.error = error
    }
  })

  test.each(Object.entries(ODD))('the Response itself: %s', async (_, answer) => {
    const { baseURL } = await serve(answer)
    const options = { baseURL, apiKey: 'k', maxRetries: 0 }
    const show = (client: OpenAI) =>
      outcomeOf(async () => {
        const response = await client.chat.completions.create(ask('x')).asResponse()
        const { status, statusText, url, headers, redirected } = response
        const body = await outcomeOf(() => response.text())
        return { status, statusText, url, redirected, body, headers: steady(headers) }
      })
    const client = createGatewayClient({ ...options, gateway: { policy: {} } })
    expect(await show(client)).toStrictEqual(await show(new OpenAI(options)))
  })
})

describe('streams of unusual pieces add up to the same answer, live and given again', () => {
  test.each(Object.entries(STREAMS))('%s', async (name, source) => {
    const { baseURL, count } = await serve(raw(source, { 'content-type': 'text/event-stream' }))
    const options = { baseURL, apiKey: 'k', maxRetries: 0 }
    const client = createGatewayClient({ ...options, gateway: { policy: {} } })
    const run = async (of: OpenAI) => await all(await of.chat.completions.create(streamed('x')))
    const expected = await run(new OpenAI(options))
    expect(await run(client)).toStrictEqual(expected)
    const sum = foldOf(expected)
    // The first time, tokens are counted for as long as the tokeniser takes to load; until then the flight can be joined.
    await client.gateway.flush()
    const again = await run(client)
    expect(foldOf(again)).toEqual(sum)
    expect(await chatOf(again)).toEqual(await chatOf(expected))
    const plain = await all(await client.chat.completions.create({ ...ask('x'), stream: true }))
    const { usage, ...rest } = sum as { usage?: unknown }
    const { usage: _, ...got } = foldOf(plain) as { usage?: unknown }
    expect(got).toEqual(rest)
    // Asked again for the usage where the stream had told none, and each time where it said nothing at all, or a field
    // in pieces of which the SDK's own snapshot keeps but the last.
    const isStored = name !== 'an empty answer' && !name.includes('do not know')
    expect(count()).toBe(!isStored ? 4 : usage === undefined ? 3 : 2)
  })
})

describe('retries are as many as with the bare client, and the same', () => {
  const quick = { 'retry-after-ms': '1' }
  const faults = [
    { type: 'status', status: 408, headers: quick },
    { type: 'status', status: 409, headers: quick },
    { type: 'status', status: 429, headers: quick },
    { type: 'status', status: 500, headers: quick },
    { type: 'status', status: 503, headers: quick },
    { type: 'status', status: 400, headers: { ...quick, 'x-should-retry': 'true' } },
    { type: 'status', status: 500, headers: { ...quick, 'x-should-retry': 'false' } },
    { type: 'status', status: 400, headers: quick },
    { type: 'reset' },
  ] as const
  const cases = faults.flatMap((fault) =>
    [1, 99].flatMap((times) =>
      [0, 2].map((maxRetries) => ({ fault, times, maxRetries, what: JSON.stringify(fault) })),
    ),
  )
  test.each(cases)('$what, $times times, maxRetries $maxRetries', async (given) => {
    const { fault, times, maxRetries } = given
    const { client, bare, upstream } = await setup(open)
    for (const [, run] of ways.slice(0, 2)) {
      upstream.reset()
      upstream.fail(fault, { times })
      const expected = await run(bare, { maxRetries })
      const sent = arrived(upstream.requests)
      upstream.reset()
      upstream.fail(fault, { times })
      const seen = await run(client, { maxRetries })
      expect(normal(seen)).toStrictEqual(normal(expected))
      // The second way's question is the first's: it may have been answered.
      if (run === ways[0]?.[1]) expect(arrived(upstream.requests)).toEqual(sent)
    }
  })
})

describe("a client's own options, given to it or to withOptions, act as on the bare client", () => {
  const cases: Record<string, ConstructorParameters<typeof OpenAI>[0]> = {
    defaultHeaders: { defaultHeaders: { 'x-mine': '1', 'user-agent': 'agent/1' } },
    defaultQuery: { defaultQuery: { 'api-version': '2026-01-01' } },
    'a function apiKey': { apiKey: async () => 'from-a-function' },
    'organization and project': { organization: 'org', project: 'proj' },
    'maxRetries and timeout': { maxRetries: 0, timeout: 4_321 },
    fetchOptions: { fetchOptions: { redirect: 'error', keepalive: false } },
    'authorization of its own': { defaultHeaders: { authorization: 'Custom abc', 'api-key': 'k' } },
  }
  const both = Object.entries(cases).flatMap(([name, options]) => [
    { name, options: options ?? {}, by: 'construction' },
    { name, options: options ?? {}, by: 'withOptions' },
  ])
  test.each(both)('$name, by $by', async ({ options, by }) => {
    const made = await setup(open, by === 'construction' ? options : {})
    const { upstream } = made
    const bare = by === 'construction' ? made.bare : made.bare.withOptions(options)
    const client = by === 'construction' ? made.client : made.client.withOptions(options)
    for (const [, run] of ways) {
      upstream.reset()
      const expected = await run(bare)
      const sent = arrived(upstream.requests)
      upstream.reset()
      const before = made.client.gateway.stats().passedThrough
      expect(normal(await run(client))).toStrictEqual(normal(expected))
      expect(made.client.gateway.stats().passedThrough).toBe(before)
      if (upstream.count() > 0) expect(arrived(upstream.requests)).toEqual(sent)
    }
    expect(client).toBeInstanceOf(OpenAI)
    expect(client.constructor).toBe(bare.constructor)
  })

  test.each(['/', '?v=1', '/?v=1'])('a base URL that ends in %s', async (tail) => {
    const { client, bare, upstream } = await setup(open)
    const baseURL = `${upstream.baseURL}${tail}`
    const run = (of: OpenAI) => outcomeOf(() => of.withOptions({ baseURL }).chat.completions.create(ask('x')))
    const expected = await run(bare)
    const sent = arrived(upstream.requests)
    upstream.reset()
    expect(await run(client)).toStrictEqual(expected)
    expect(arrived(upstream.requests)).toEqual(sent)
  })

  test('what goes straight through is the same: models and their pages, moderations, errors', async () => {
    const { client, bare } = await setup(open)
    const runs: ((of: OpenAI) => PromiseLike<unknown>)[] = [
      async (of) => {
        const page = await of.models.list()
        return [page.data, page.hasNextPage(), page.nextPageRequestOptions(), await all(of.models.list())]
      },
      async (of) => (await of.models.list().withResponse()).data.data,
      (of) => of.models.retrieve('gpt-4o'),
      (of) => of.models.retrieve('nothing'),
      (of) => of.get('/models'),
      (of) => of.moderations.create({ input: 'x' }),
      (of) => of.responses.retrieve('resp_1'),
      (of) => of.delete('/responses/resp_1'),
    ]
    for (const run of runs) {
      const [mine, theirs] = [await outcomeOf(() => run(client)), await outcomeOf(() => run(bare))]
      expect(mine).toStrictEqual(theirs)
    }
  })
})

const withoutCause = (outcome: Outcome) => ({ ...outcome, ...errorOf(outcome), cause: undefined, error: 0 })

describe('timeouts, aborts and early ends', () => {
  test('a timeout, before the headers and in the middle of a whole body, as often as with the bare client', async () => {
    for (const after of ['request', 'headers'] as const)
      for (const maxRetries of [0, 1]) {
        const { client, bare, upstream } = await setup(open)
        const run = (of: OpenAI) =>
          outcomeOf(() => of.chat.completions.create(ask('x'), { timeout: 80, maxRetries }))
        upstream.fail({ type: 'hang', after }, { times: 9 })
        const expected = await run(bare)
        const attempts = upstream.count()
        upstream.reset()
        upstream.fail({ type: 'hang', after }, { times: 9 })
        const seen = await run(client)
        expect(withoutCause(seen)).toStrictEqual(withoutCause(expected))
        expect([after, maxRetries, upstream.count()]).toEqual([after, maxRetries, attempts])
      }
  })

  test('a timeout in the middle of a whole body has the cause that it has on the bare client', async () => {
    const { client, bare, upstream } = await setup(open)
    upstream.fail({ type: 'hang', after: 'headers' }, { times: 9 })
    const run = (of: OpenAI) =>
      outcomeOf(() => of.chat.completions.create(ask('x'), { timeout: 500, maxRetries: 0 }))
    expect(await run(client)).toStrictEqual(await run(bare))
  })

  test('.asResponse() gives the Response as soon as its headers are there, however slow a whole body is', async () => {
    const { client, bare, upstream } = await setup(open)
    upstream.fail({ type: 'hang', after: 'headers' }, { times: 2 })
    for (const each of [bare, client]) {
      const options = { timeout: 200, maxRetries: 0 }
      const response = await each.chat.completions.create(ask('x'), options).asResponse()
      expect([response.status, response.bodyUsed]).toEqual([200, false])
      await response.body?.cancel()
    }
  })

  test.each([
    ['no reason', undefined],
    ['an Error', new Error('mine')],
    ['a string', 'because'],
  ])('an abort with %s, before and during the call', async (_, reason) => {
    for (const early of [true, false])
      for (const [, run] of ways) {
        const { client, bare, upstream } = await setup(open)
        const attempt = async (of: OpenAI) => {
          upstream.reset()
          upstream.fail({ type: 'hang' }, { times: 9 })
          const controller = new AbortController()
          if (early) controller.abort(reason)
          const outcome = run(of, { signal: controller.signal })
          if (!early) {
            await until(() => upstream.count() > 0, 'the request arrives')
            controller.abort(reason)
          }
          return [await outcome, upstream.count()]
        }
        expect(await attempt(client)).toStrictEqual(await attempt(bare))
      }
  })

  test('an abort in the middle of a stream ends it as on the bare client and stops upstream', async () => {
    const { client, bare, upstream } = await setup(open, {}, { chunkDelayMs: 10 })
    const bySignal = async (of: OpenAI) => {
      const controller = new AbortController()
      const stream = await of.chat.completions.create(streamed('x'), { signal: controller.signal })
      return await outcomeOf(async () => {
        for await (const _ of stream) controller.abort(new Error('mine'))
      })
    }
    const byController = async (of: OpenAI) => {
      const stream = await of.chat.completions.create(streamed('y'))
      return await outcomeOf(async () => {
        for await (const _ of stream) stream.controller.abort()
      })
    }
    const byHelper = async (of: OpenAI) => {
      const stream = of.chat.completions.stream(streamed('z'))
      stream.on('content', () => stream.abort())
      return await outcomeOf(() => stream.finalChatCompletion())
    }
    const byThrowing = async (of: OpenAI) => {
      const stream = await of.chat.completions.create(streamed('w'))
      return await outcomeOf(async () => {
        for await (const _ of stream) throw new Error('enough')
      })
    }
    for (const run of [bySignal, byController, byHelper, byThrowing]) {
      upstream.reset()
      const expected = await run(bare)
      expect(await run(client)).toStrictEqual(expected)
      await Promise.all(upstream.requests.map(({ closed }) => closed))
      expect(upstream.requests.map(({ aborted }) => aborted)).toEqual([true, true])
    }
  })

  test('an early end of a hit harms nothing', async () => {
    const { client, upstream } = await setup(open)
    await client.chat.completions.create(ask('x'))
    for (let round = 0; round < 3; round += 1)
      for await (const _ of await client.chat.completions.create(streamed('x'))) break
    const stream = await client.chat.completions.create(streamed('x'))
    for await (const _ of stream) stream.controller.abort()
    const [left, right] = (await client.chat.completions.create(streamed('x'))).tee()
    for await (const _ of left) break
    expect((await all(right)).length).toBeGreaterThan(2)
    expect(upstream.count()).toBe(1)
  })
})

describe('a hit’s Response is dressed as upstream’s', () => {
  const asks: [string, (client: OpenAI) => Promise<Response>][] = [
    ['chat', (client) => client.chat.completions.create(ask('x')).asResponse()],
    ['chat streamed', (client) => client.chat.completions.create(streamed('x')).asResponse()],
    ['responses', (client) => client.responses.create({ model: 'gpt-4o', input: 'x' }).asResponse()],
    ['embeddings', (client) => client.embeddings.create({ model: 'm', input: 'x' }).asResponse()],
  ]
  test.each(asks)('%s', async (_, run) => {
    const { client, bare, upstream } = await setup(open)
    const show = async (of: OpenAI) => {
      const { url, status, statusText } = await run(of)
      return { url, status, statusText }
    }
    const expected = await show(bare)
    upstream.reset()
    await (await run(client)).text()
    expect(await show(client)).toEqual(expected)
    expect(upstream.count()).toBe(1)
  })

  test('a refusal has an x-request-id and an address, too', async () => {
    const { client, upstream } = await setup(team({ models: ['none'] }))
    let seen: Response | undefined
    const inside = client as unknown as { fetch: typeof fetch }
    const door = inside.fetch
    inside.fetch = async (...args) => {
      seen = await door(...args)
      return seen
    }
    const error = await client.chat.completions.create(ask('x')).catch((error: unknown) => error)
    expect((error as InstanceType<typeof OpenAI.APIError>).requestID).toEqual(expect.any(String))
    expect(seen?.url).toBe(`${upstream.baseURL}/chat/completions`)
  })
})

describe('an answer in one shape, asked for in the other', () => {
  const keep = <T>(cases: Record<string, T>) =>
    Object.entries(cases)
      .filter(([name]) => !uncached.has(name))
      .map(([name, params]) => ({ name, params }))
  const usage = { stream: true as const, stream_options: { include_usage: true } }

  /** The fake's numbers differ between its shapes; its tokens do not. */
  const quiet = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value), (key, inner: unknown) => (key === 'logprob' ? 0 : inner))

  type Shapes = { whole: (of: OpenAI) => Promise<unknown>; stream: (of: OpenAI) => Promise<unknown> }
  const shapes: (Shapes & { name: string })[] = [
    ...keep(CHATS).map(({ name, params }) => ({
      name: `chat, ${name}`,
      whole: async (of: OpenAI) => await of.chat.completions.create(params),
      stream: async (of: OpenAI) =>
        await chatOf(await all(await of.chat.completions.create({ ...params, ...usage }))),
    })),
    ...keep(RESPONSES).map(({ name, params }) => ({
      name: `responses, ${name}`,
      whole: async (of: OpenAI) => await of.responses.create(params),
      stream: async (of: OpenAI) => {
        const events: OpenAI.Responses.ResponseStreamEvent[] = []
        const stream = of.responses.stream({ ...params, stream: true })
        stream.on('event', (event) => events.push(structuredClone(event)))
        return { final: { ...(await stream.finalResponse()) }, events: eventsOf(events) }
      },
    })),
    ...keep(COMPLETIONS).map(({ name, params }) => ({
      name: `completions, ${name}`,
      whole: async (of: OpenAI) => await of.completions.create(params),
      stream: async (of: OpenAI) => textsOf(await all(await of.completions.create({ ...params, ...usage }))),
    })),
  ]

  test.each(shapes)('stored whole, then streamed: $name', async ({ whole, stream }) => {
    const { client, bare, upstream } = await setup(open)
    const expected = await stream(bare)
    upstream.reset()
    await whole(client)
    expect(quiet(await stream(client))).toEqual(quiet(expected))
    expect(upstream.count()).toBe(1)
  })

  test.each(shapes)('stored from a stream, then whole: $name', async ({ whole, stream }) => {
    const { client, bare, upstream } = await setup(open)
    const expected = await whole(bare)
    upstream.reset()
    await stream(client)
    expect(quiet(await whole(client))).toEqual(quiet(expected))
    expect(upstream.count()).toBe(1)
  })

  test.each(shapes)('both at once, either first: $name', async ({ whole, stream }) => {
    const { client, bare, upstream } = await setup(open, {}, { latencyMs: 20 })
    const expected = [await whole(bare), await stream(bare)]
    upstream.reset()
    expect(quiet(await Promise.all([whole(client), stream(client)]))).toEqual(quiet(expected))
    expect(upstream.count()).toBe(1)
    const second = await setup(open, {}, { latencyMs: 20 })
    const flipped = await Promise.all([stream(second.client), whole(second.client)])
    expect(quiet(flipped.toReversed())).toEqual(quiet(expected))
    expect(second.upstream.count()).toBe(1)
  })

  const mute = { ...ask('x'), stream: true as const }
  const tells: [string, (of: OpenAI) => Promise<unknown>][] = [
    ['whole', async (of) => await of.chat.completions.create(ask('x'))],
    [
      'streamed with usage',
      async (of) => await chatOf(await all(await of.chat.completions.create(streamed('x')))),
    ],
  ]
  test.each(tells)(
    'after a stream that told no usage, one who must be told is told: %s',
    async (shape, run) => {
      // In flight, one upstream call for all goes before the usage of whole followers; the docs say so.
      for (const together of shape === 'whole' ? [false] : [false, true]) {
        const { client, bare } = await setup(open, {}, { latencyMs: 20 })
        const expected = await run(bare)
        const first = client.chat.completions.create(mute).then(all)
        if (!together) await first
        expect(await run(client)).toEqual(expected)
        await first
      }
    },
  )
})

describe('many at once', () => {
  test('1,000 identical calls, whole, streamed and by the helper, make one upstream call and get one answer', async () => {
    const { client, bare, upstream } = await setup(open, {}, { latencyMs: 150, chunkDelayMs: 1 })
    const { choices } = await bare.chat.completions.create(ask('x'))
    const expected = choices[0]?.message.content
    upstream.reset()
    const asks = [
      async () => (await client.chat.completions.create(ask('x'))).choices[0]?.message.content,
      async () => {
        const chunks = await all(await client.chat.completions.create(streamed('x')))
        return chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')
      },
      () => client.chat.completions.stream(streamed('x')).finalContent(),
    ]
    const texts = await Promise.all(Array.from({ length: 1_000 }, (_, at) => asks[at % 3]?.()))
    expect([...new Set(texts)]).toEqual([expected])
    expect(upstream.count()).toBe(1)
  })

  test.each(['whole', 'streamed'])('half of 200 leave, and the others have everything: %s', async (shape) => {
    const { client, bare, upstream } = await setup(open, {}, { latencyMs: 30, chunkDelayMs: 5 })
    const expected = (await bare.chat.completions.create(ask('x'))).choices[0]?.message.content
    upstream.reset()
    const controllers = Array.from({ length: 200 }, () => new AbortController())
    const calls = controllers.map(async ({ signal }) => {
      if (shape === 'whole')
        return (await client.chat.completions.create(ask('x'), { signal })).choices[0]?.message.content
      const chunks = await all(await client.chat.completions.create(streamed('x'), { signal }))
      return chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')
    })
    const settled = Promise.allSettled(calls)
    for (const [at, controller] of controllers.entries())
      if (at % 2 === 0) setTimeout(() => controller.abort(), at / 2)
    const results = await settled
    const stayed = results.filter((_, at) => at % 2 === 1)
    expect(
      new Set(stayed.map((result) => (result.status === 'fulfilled' ? result.value : 'failed'))),
    ).toEqual(new Set([expected]))
    expect(upstream.count()).toBe(1)
    expect(upstream.requests[0]?.aborted).toBe(false)
  })

  test('the last to leave cancels upstream, and who comes then is served', async () => {
    for (const shape of ['whole', 'streamed']) {
      const { client, upstream } = await setup(open)
      upstream.fail({ type: 'hang', after: 'headers' })
      const controllers = Array.from({ length: 10 }, () => new AbortController())
      const calls = controllers.map(({ signal }) =>
        outcomeOf(async () =>
          shape === 'whole'
            ? await client.chat.completions.create(ask('x'), { signal })
            : await all(await client.chat.completions.create(streamed('x'), { signal })),
        ),
      )
      await until(() => upstream.count() === 1, 'the request arrives')
      await new Promise((resolve) => setTimeout(resolve, 30))
      for (const controller of controllers.slice(1)) controller.abort()
      await new Promise((resolve) => setTimeout(resolve, 30))
      expect(upstream.requests[0]?.aborted).toBe(false)
      controllers[0]?.abort()
      await Promise.all(calls)
      await upstream.requests[0]?.closed
      expect(upstream.requests[0]?.aborted).toBe(true)
      expect((await client.chat.completions.create(ask('x'))).choices).toHaveLength(1)
      expect(upstream.count()).toBe(2)
    }
  })
})

test('no promise is left unhandled', async () => {
  ;(globalThis as { gc?: () => void }).gc?.()
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(unhandled).toEqual([])
})
