import type { GatewayOptions } from '@hotdash/llm-gateway'
import type { FakeRequest } from '@hotdash/llm-gateway-testing'
import OpenAI from 'openai'
import { afterAll, describe, expect, test } from 'vitest'
import { errorOf, outcomeOf } from './conformance/outcome.ts'
import { isCached, surfaces } from './conformance/surfaces.ts'
import { ask, setup } from './support.ts'

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

test('nobody left a promise unhandled', async () => {
  ;(globalThis as { gc?: () => void }).gc?.()
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(unhandled).toEqual([])
})
