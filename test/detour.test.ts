import { type CallRecord, createGatewayClient, type GatewayOptions } from '@hotdash/llm-gateway'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import type OpenAI from 'openai'
import { afterEach, expect, test, vi } from 'vitest'
import { ask, until, withoutMeaning } from './support.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  vi.restoreAllMocks()
  for (const close of closing.splice(0)) await close()
})

/** An upstream that may break, and another in the place of a proxy: what LiteLLM adds to it is tested elsewhere. */
async function twoWays(
  litellm: GatewayOptions['litellm'] = {},
  options: { maxRetries?: number; timeout?: number } = {},
) {
  const said = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  vi.spyOn(console, 'info').mockImplementation(said)
  const [direct, proxy] = await Promise.all([
    startFakeOpenAI({ tokens: 'approximate' }),
    startFakeOpenAI({ tokens: 'approximate' }),
  ])
  const records: CallRecord[] = []
  const client = createGatewayClient({
    baseURL: direct.baseURL,
    apiKey: 'the-key-of-openai',
    ...options,
    gateway: {
      agent: 'support',
      cache: withoutMeaning(undefined),
      onCall: (record) => void records.push(record),
      litellm: litellm && { baseURL: proxy.baseURL, apiKey: 'sk-team', lookAgainMs: 30, ...litellm },
    },
  })
  closing.push(() => client.gateway.close(), direct.close, proxy.close)
  return { direct, proxy, client, records, said }
}

let questions = 0
const next = (client: OpenAI) => {
  questions += 1
  return client.chat.completions.create(ask(`question ${questions}`))
}

async function untilActive(
  client: { gateway: { stats: () => { litellm?: { active: string } } } } & OpenAI,
  way: string,
) {
  for (let at = 0; client.gateway.stats().litellm?.active !== way; at += 1) {
    if (at > 300) throw new Error(`never: ${way}`)
    await next(client)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

test('where upstream is gone, no call fails: the retries of the first call reach the proxy', async () => {
  const { direct, proxy, client, records, said } = await twoWays()
  direct.fail({ type: 'reset' }, { times: Number.POSITIVE_INFINITY })
  await next(client)
  expect([direct.count({ path: '/v1/chat/completions' }), proxy.count()]).toEqual([3, 1])
  await Promise.all(Array.from({ length: 10 }, () => next(client)))
  expect(direct.count({ path: '/v1/chat/completions' })).toBe(3)
  expect(proxy.count()).toBe(11)
  await client.gateway.flush()
  expect(client.gateway.stats()).toMatchObject({
    ok: 11,
    failed: 0,
    faults: 0,
    litellm: { active: 'litellm', calls: 11 },
  })
  expect(records[0]?.attempts.map(({ through }) => through)).toEqual([
    undefined,
    undefined,
    undefined,
    'litellm',
  ])
  expect(said).toHaveBeenCalledTimes(1)
})

test('the proxy is shown the team key, told to keep nothing, and never the key of OpenAI', async () => {
  const { direct, proxy, client } = await twoWays()
  direct.fail({ type: 'status', status: 500 }, { times: 3 })
  await next(client)
  const [request] = proxy.requests
  expect(request?.headers.authorization).toBe('Bearer sk-team')
  expect(request?.body).toMatchObject({ cache: { 'no-cache': true, 'no-store': true } })
  expect(JSON.stringify(request)).not.toContain('the-key-of-openai')
})

test('it comes back by itself, and the call that tries it first loses nothing if it is still broken', async () => {
  const { direct, proxy, client, said } = await twoWays()
  const chat = { path: '/v1/chat/completions' }
  direct.fail({ type: 'status', status: 503 }, { times: 6, when: chat })
  await next(client)
  await untilActive(client, 'direct')
  // Three to find out, three trials that failed while the list of models answered, and one that went well.
  expect(direct.count(chat)).toBe(7)
  const through = proxy.count()
  await next(client)
  expect(proxy.count()).toBe(through)
  expect(client.gateway.stats()).toMatchObject({ failed: 0, litellm: { active: 'direct', calls: through } })
  expect(said.mock.calls.flat().join('\n')).toMatch(/has failed 3 times in a row[\s\S]*is back after/)
})

test('a success between failures starts the count anew', async () => {
  const { direct, proxy, client } = await twoWays({}, { maxRetries: 0 })
  for (let time = 0; time < 4; time += 1) {
    direct.fail({ type: 'status', status: 500 })
    await next(client)
  }
  expect(proxy.count()).toBe(0)
})

test('what is wrong with a request is no reason to leave', async () => {
  const { direct, proxy, client } = await twoWays({}, { maxRetries: 0 })
  for (const status of [400, 401, 403, 404, 429]) {
    direct.fail({ type: 'status', status, code: status === 429 ? 'insufficient_quota' : 'x' })
    await next(client).catch(() => undefined)
  }
  expect(proxy.count()).toBe(0)
})

test('callers who leave break nothing', async () => {
  const { direct, proxy, client } = await twoWays()
  direct.fail({ type: 'hang' }, { times: 5 })
  for (let time = 0; time < 5; time += 1) {
    const controller = new AbortController()
    const left = client.chat.completions.create(ask(`left ${time}`), { signal: controller.signal })
    await until(() => direct.count() > time, 'the request arrives')
    controller.abort()
    await left.catch(() => undefined)
  }
  await next(client)
  expect([proxy.count(), client.gateway.stats().litellm?.active]).toEqual([0, 'direct'])
})

test('an upstream that answers no call in time is broken', async () => {
  const { direct, proxy, client } = await twoWays({}, { timeout: 60 })
  direct.fail({ type: 'hang' }, { times: Number.POSITIVE_INFINITY })
  await next(client).catch(() => undefined)
  await next(client)
  expect(proxy.count()).toBeGreaterThan(0)
})

test('where the proxy is away as well, the direct route is asked all the same', async () => {
  const { direct, proxy, client } = await twoWays({ afterFailures: 1 })
  await proxy.close()
  direct.fail({ type: 'status', status: 500 })
  await next(client)
  expect(client.gateway.stats()).toMatchObject({ ok: 1, failed: 0 })
})

test('streams take the other way, too', async () => {
  const { direct, proxy, client } = await twoWays()
  direct.fail({ type: 'reset' }, { times: Number.POSITIVE_INFINITY })
  let text = ''
  for await (const chunk of await client.chat.completions.create({ ...ask('streamed'), stream: true }))
    text += chunk.choices[0]?.delta.content ?? ''
  expect(text).not.toBe('')
  expect(proxy.count()).toBe(1)
})

test('without a proxy nothing changes', async () => {
  const { direct, proxy, client } = await twoWays(false, { maxRetries: 0 })
  direct.fail({ type: 'status', status: 500 }, { times: Number.POSITIVE_INFINITY })
  for (let time = 0; time < 5; time += 1) await next(client).catch(() => undefined)
  expect(proxy.count()).toBe(0)
  expect(client.gateway.stats().litellm).toBeUndefined()
})
