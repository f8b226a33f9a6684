import { type GatewayOptions, withGateway } from '@hotdash/llm-gateway'
import OpenAI from 'openai'
import { expect, test } from 'vitest'
import { ask, setup, until } from './support.ts'

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const aged: GatewayOptions = { cache: { exact: { ttlSeconds: 0.02 } } }
const down = { type: 'status', status: 503 } as const
const forEver = { times: Number.POSITIVE_INFINITY }

/** An answer to `ask('x')`, past its time. */
async function expired(options: GatewayOptions = {}, client: object = {}) {
  const it = await setup({ ...aged, ...options }, { maxRetries: 1, ...client })
  const first = await it.client.chat.completions.create(ask('x'))
  // Its time runs from when it is put away.
  await it.client.gateway.flush()
  await sleep(30)
  it.records.length = 0
  it.upstream.requests.length = 0
  return { ...it, first }
}

test.each([
  // The model, its fallback, and the retry, which stays there.
  ['errors of the server', down, 3],
  // The first leaves over a connection that was in use before: that is tried again on the same model.
  ['a broken connection', { type: 'reset' } as const, 4],
])(
  '%s, to the last retry: the answer that is past its time is given, and said to be',
  async (_, fault, sent) => {
    const { client, upstream, records, first } = await expired()
    upstream.fail(fault, forEver)
    const { data, response } = await client.chat.completions.create(ask('x')).withResponse()
    expect(data).toEqual(first)
    expect(response.headers.get('x-gateway-cache')).toBe('stale')
    expect(upstream.count()).toBe(sent)
    await client.gateway.flush()
    expect(records).toHaveLength(1)
    expect(records[0]).toMatchObject({ cache: 'stale', status: 'ok', costUsd: 0 })
    expect(records[0]?.savedUsd).toBeGreaterThan(0)
    expect(records[0]?.attempts).toHaveLength(sent)
    expect(client.gateway.stats().cache.stale).toBe(1)
  },
)

test('an upstream that never answers: the last timeout brings the old answer', async () => {
  const { client, upstream, first } = await expired({}, { timeout: 100, maxRetries: 0 })
  upstream.fail({ type: 'hang' }, forEver)
  expect(await client.chat.completions.create(ask('x'))).toEqual(first)
})

test('as a stream, too', async () => {
  const { client, upstream, first } = await expired()
  upstream.fail(down, forEver)
  let content = ''
  for await (const chunk of await client.chat.completions.create({ ...ask('x'), stream: true }))
    content += chunk.choices[0]?.delta.content ?? ''
  expect(content).toBe(first.choices[0]?.message.content)
})

test('a retry, or the other model, that is answered comes before the old answer', async () => {
  const { client, upstream } = await expired()
  upstream.fail(down, { times: 2 })
  const { response } = await client.chat.completions.create(ask('x')).withResponse()
  expect(response.headers.get('x-gateway-cache')).toBe('miss')
  expect(response.headers.get('x-gateway-route')).toBe('failover')
})

test.each([400, 401, 404, 422])('%i is an answer: no old one takes its place', async (status) => {
  const { client, upstream } = await expired()
  upstream.fail({ type: 'status', status }, forEver)
  await expect(client.chat.completions.create(ask('x'))).rejects.toMatchObject({ status })
})

test('upstream saying that there is too much is no reason for an old answer', async () => {
  const { client, upstream } = await expired({}, { maxRetries: 0 })
  upstream.fail({ type: 'status', status: 429 }, forEver)
  await expect(client.chat.completions.create(ask('x'))).rejects.toBeInstanceOf(OpenAI.RateLimitError)
})

test('a caller that aborts gets no stale answer', async () => {
  const { client, upstream, records } = await expired({}, { maxRetries: 0 })
  upstream.fail({ type: 'hang' }, forEver)
  const controller = new AbortController()
  const call = client.chat.completions.create(ask('x'), { signal: controller.signal })
  await until(() => upstream.count() === 1, 'the request leaves')
  controller.abort()
  await expect(call).rejects.toBeInstanceOf(OpenAI.APIUserAbortError)
  await client.gateway.flush()
  expect(records[0]).toMatchObject({ cache: 'miss', status: 'aborted' })
})

test('no old answer for those who ask for a fresh one, for one of a certain age, or for what is in the cache', async () => {
  const { client, upstream } = await expired({}, { maxRetries: 0 })
  upstream.fail(down, forEver)
  for (const cache of [{ noCache: true }, { maxAge: 0.01 }, { onlyIfCached: true }])
    await expect(
      withGateway({ cache }, async () => await client.chat.completions.create(ask('x'))),
    ).rejects.toBeInstanceOf(OpenAI.InternalServerError)
})

test('nor after its second time, where the policy allows none, or where the call said how long', async () => {
  for (const staleIfErrorSeconds of [0.005, 0]) {
    const { client, upstream } = await expired({
      cache: { exact: { ttlSeconds: 0.02, staleIfErrorSeconds } },
    })
    upstream.fail(down, forEver)
    await expect(client.chat.completions.create(ask('x'), { maxRetries: 0 })).rejects.toMatchObject({
      status: 503,
    })
  }
  const { client, upstream } = await setup()
  await withGateway({ cache: { ttl: 0.01 } }, async () => await client.chat.completions.create(ask('x')))
  await client.gateway.flush()
  await sleep(20)
  upstream.fail(down, forEver)
  await expect(client.chat.completions.create(ask('x'), { maxRetries: 0 })).rejects.toMatchObject({
    status: 503,
  })
})

const revalidating: GatewayOptions = {
  cache: { exact: { ttlSeconds: 0.05, staleWhileRevalidateSeconds: 60 } },
}

test('stale while revalidate: the old answer at once, one fresh one in the background, on a record of its own', async () => {
  const { client, upstream, records } = await expired(revalidating)
  await sleep(30)
  upstream.answer('news')
  upstream.fail({ type: 'latency', ms: 50 })
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => client.chat.completions.create(ask('x')).withResponse()),
  )
  expect(answers.map(({ response }) => response.headers.get('x-gateway-cache'))).toEqual(
    Array(10).fill('stale'),
  )
  await client.gateway.flush()
  expect(upstream.count()).toBe(1)
  const { data, response } = await client.chat.completions.create(ask('x')).withResponse()
  expect(data.choices[0]?.message.content).toBe('news')
  expect(response.headers.get('x-gateway-cache')).toBe('exact')
  await client.gateway.flush()
  const [refreshed, ...others] = records.filter(({ bypass }) => bypass === 'revalidation')
  expect(others).toEqual([])
  expect(refreshed).toMatchObject({ agent: 'support', team: 'prod_customer', cache: 'bypass', status: 'ok' })
  expect(refreshed?.costUsd).toBeGreaterThan(0)
  expect(new Set(records.map(({ id }) => id)).size).toBe(12)
})

test('a refresh that fails leaves the old answer where it is', async () => {
  const { client, upstream, records } = await expired(revalidating)
  await sleep(30)
  upstream.fail(down, forEver)
  for (let at = 0; at < 2; at += 1) {
    await client.chat.completions.create(ask('x'))
    await client.gateway.flush()
  }
  expect(records.map(({ cache, status }) => `${cache} ${status}`).toSorted()).toEqual([
    'bypass failed',
    'bypass failed',
    'stale ok',
    'stale ok',
  ])
})

test('a refresh asks for quota like any call', async () => {
  const teams = { prod_customer: { agents: ['support'], rpm: 1 } }
  const { client, upstream, records } = await expired({ ...revalidating, policy: { teams } })
  await sleep(30)
  await client.chat.completions.create(ask('x'))
  await client.gateway.flush()
  expect(upstream.count()).toBe(0)
  expect(records.find(({ bypass }) => bypass === 'revalidation')).toMatchObject({ status: 'refused' })
})
