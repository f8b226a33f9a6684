import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { ask, setup } from '../support.ts'
import { arrived, leavesNothingUnhandled, normal, open, tried, ways } from './kit.ts'
import { outcomeOf } from './outcome.ts'
import { all } from './streams.ts'

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
  test.each(tried(cases))('$what, $times times, maxRetries $maxRetries', async (given) => {
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
  test.each(tried(both))('$name, by $by', async ({ options, by }) => {
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

  test.each(tried(['/', '?v=1', '/?v=1']))('a base URL that ends in %s', async (tail) => {
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

leavesNothingUnhandled()
