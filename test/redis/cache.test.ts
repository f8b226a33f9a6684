import { setTimeout as sleep } from 'node:timers/promises'
import type { GatewayOptions } from '@hotdash/llm-gateway'
import { afterEach, expect, test } from 'vitest'
import { ask, type Setup, setup, until } from '../support.ts'
import { type RedisServer, startRedis } from './server.ts'

const open: { close: () => unknown }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
})

const server = async (args?: string[]): Promise<RedisServer> => {
  const it = await startRedis(args)
  open.push(it)
  return it
}

async function gateway(redis: RedisServer, options: GatewayOptions = {}): Promise<Setup> {
  const it = await setup({
    redis: redis.url,
    quota: false,
    metrics: false,
    deadlines: { redisMs: 1_000 },
    ...options,
  })
  open.push({ close: () => it.client.gateway.close() })
  return it
}

/** Two clients with nothing in common but Redis and the address that they ask. */
async function two(redis: RedisServer, options: GatewayOptions = {}) {
  const one = await gateway(redis, options)
  const { baseURL } = one.upstream
  const other = await setup(
    { redis: redis.url, quota: false, metrics: false, deadlines: { redisMs: 1_000 }, ...options },
    { baseURL },
  )
  open.push({ close: () => other.client.gateway.close() })
  return { one, other, upstream: one.upstream }
}

/** Commands that Redis has run since the last time, without those of connections, and of this test. */
async function commands({ admin }: RedisServer): Promise<Record<string, number>> {
  const info = await admin.info('commandstats')
  await admin.config('RESETSTAT')
  const counted = [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, calls]) => [
    name,
    Number(calls),
  ])
  const aside = /^(info|config|client|hello|ping|subscribe)/
  return Object.fromEntries(counted.filter(([name]) => !aside.test(String(name))))
}

/** What the script runs that keeps an answer; `mget` once more. */
const WITHIN = { mget: 2, type: 1, set: 1 }

const said = async (stream: AsyncIterable<{ choices: { delta: { content?: string | null } }[] }>) => {
  let content = ''
  for await (const chunk of stream) content += chunk.choices[0]?.delta.content ?? ''
  return content
}

test('what one gateway was answered, another gives: whole and streamed, chat and Responses, with its age', async () => {
  const redis = await server()
  const { one, other, upstream } = await two(redis)
  const whole = await one.client.chat.completions.create(ask('x'))
  const counted = { stream: true, stream_options: { include_usage: true } } as const
  await said(await one.client.chat.completions.create({ ...ask('y'), ...counted }))
  const response = await one.client.responses.create({ model: 'gpt-4o-mini', input: 'z' })
  await one.client.gateway.flush()
  expect(upstream.count()).toBe(3)

  expect(await other.client.chat.completions.create(ask('x'))).toEqual(whole)
  const { content } = whole.choices[0]?.message ?? {}
  expect(await said(await other.client.chat.completions.create({ ...ask('x'), stream: true }))).toBe(content)
  expect((await other.client.chat.completions.create(ask('y'))).choices[0]?.finish_reason).toBe('stop')
  const again = await other.client.responses.create({ model: 'gpt-4o-mini', input: 'z' })
  expect(again.output_text).toBe(response.output_text)
  const events: string[] = []
  const stream = await other.client.responses.create({ model: 'gpt-4o-mini', input: 'z', stream: true })
  for await (const event of stream) events.push(event.type)
  expect(events.at(-1)).toBe('response.completed')
  await new Promise((resolve) => setTimeout(resolve, 1_050))
  const aged = await other.client.chat.completions.create(ask('x')).asResponse()
  expect(Number(aged.headers.get('age'))).toBeGreaterThanOrEqual(1)
  expect(aged.headers.get('x-gateway-cache')).toBe('exact')

  await other.client.gateway.flush()
  expect(upstream.count()).toBe(3)
  expect(other.client.gateway.stats().cache).toMatchObject({ exact: 6, miss: 0 })
  expect(other.client.gateway.stats().sharedCache).toMatchObject({ misses: 0, errors: 0, corrupt: 0 })
  expect(other.records.every(({ costUsd, savedUsd }) => costUsd === 0 && (savedUsd ?? 0) > 0)).toBe(true)
})

test('a miss reads once and writes once, a shared hit reads once, a hit in memory does nothing', async () => {
  const redis = await server()
  const { one, other } = await two(redis)
  for (const { client } of [one, other]) {
    await client.chat.completions.create(ask('warm'))
    await client.gateway.flush()
    await expect.poll(async () => String(await redis.admin.pubsub('NUMSUB', 'gw:purge'))).toMatch(/,[12]$/)
  }
  await expect.poll(async () => String(await redis.admin.pubsub('NUMSUB', 'gw:purge'))).toMatch(/,2$/)
  // Until they have looked for a live policy, once each when they can hear of one.
  await sleep(300)
  await redis.admin.config('RESETSTAT')

  await Promise.all(Array.from({ length: 20 }, () => one.client.chat.completions.create(ask('x'))))
  await one.client.gateway.flush()
  // One command reads the answer and the stamps of purges; one script reads those again, and writes.
  expect(await commands(redis)).toEqual({ evalsha: 1, ...WITHIN })
  await Promise.all(Array.from({ length: 20 }, () => other.client.chat.completions.create(ask('x'))))
  await other.client.gateway.flush()
  expect(await commands(redis)).toEqual({ mget: 1 })
  for (const { client } of [one, other]) await client.chat.completions.create(ask('x'))
  expect(await commands(redis)).toEqual({})
})

test('every key has a time to live, starts with its team, and no value holds a credential or the question', async () => {
  const redis = await server()
  const apiKey = 'sk-secret-of-the-team'
  const it = await setup({ redis: redis.url, deadlines: { redisMs: 1_000 } }, { apiKey })
  open.push({ close: () => it.client.gateway.close() })
  await it.client.chat.completions.create(ask('a question of a customer'))
  await it.client.responses.create({ model: 'gpt-4o-mini', input: 'x' })
  await it.client.embeddings.create({ model: 'text-embedding-3-large', input: 'x' })
  await it.client.gateway.flush()
  const keys = await redis.admin.keys('*')
  const holds = keys.filter((key) => key.includes(':hold:'))
  // Reservations that no lease covered.
  expect(holds.length).toBeGreaterThan(0)
  // Three answers, one response's id, the team's state and its means; the metrics.
  const others = keys.filter((key) => !holds.includes(key) && !key.startsWith('gw:{metrics}:'))
  expect(others.length).toBe(6)
  for (const key of keys) {
    expect(key).toMatch(/^gw:\{(prod_customer\}:(x|quota|hold|means)|resp_\w+\}:id|metrics\}:)/)
    expect(await redis.admin.pttl(key)).toBeGreaterThan(0)
    const value = await redis.admin.dumpBuffer(key)
    for (const secret of [apiKey, 'a question of a customer']) expect(value?.includes(secret)).toBe(false)
  }
})

test('a deleted response is forgotten by all', async () => {
  const redis = await server()
  const { one, other, upstream } = await two(redis)
  const question = { model: 'gpt-4o-mini', input: 'x' }
  const { id } = await one.client.responses.create(question)
  await one.client.gateway.flush()
  await other.client.responses.create(question)
  await expect.poll(async () => String(await redis.admin.pubsub('NUMSUB', 'gw:purge'))).toMatch(/,2$/)
  await other.client.responses.delete(id)
  await until(() => one.client.gateway.stats().memoryCache.entries === 0, 'the other one is told')
  await one.client.responses.create(question)
  expect(upstream.count({ path: '/v1/responses' })).toBe(2)
})

test('a response that is deleted while Redis hangs is served by none once Redis is back', async () => {
  const redis = await server()
  const { one, other, upstream } = await two(redis)
  const question = { model: 'gpt-4o-mini', input: 'x' }
  const { id } = await one.client.responses.create(question)
  await one.client.gateway.flush()
  await other.client.responses.create(question)
  const entries = () => redis.admin.keys('gw:{*}:x:*')
  const [entry = ''] = await entries()
  const value = await redis.admin.getBuffer(entry)
  redis.pause()
  await one.client.responses.delete(id)
  redis.resume()
  await expect.poll(entries).toEqual([])
  await until(() => other.client.gateway.stats().memoryCache.entries === 0, 'the other one is told')
  // Nor does the one that deleted it serve what a writer restores.
  await redis.admin.set(entry, value ?? '')
  await one.client.responses.create(question)
  expect(upstream.count({ path: '/v1/responses' })).toBe(2)
})

test('a purge is seen by every gateway, and names what it purges', async () => {
  const redis = await server()
  const { one, other, upstream } = await two(redis)
  await one.client.chat.completions.create(ask('x'))
  await one.client.chat.completions.create({ ...ask('y'), model: 'gpt-4o' })
  await one.client.gateway.flush()
  for (const content of ['x', 'y'])
    await other.client.chat.completions.create({
      ...ask(content),
      model: content === 'x' ? 'gpt-4o-mini' : 'gpt-4o',
    })
  await expect.poll(async () => String(await redis.admin.pubsub('NUMSUB', 'gw:purge'))).toMatch(/,2$/)
  await other.client.gateway.flush()
  const [record] = other.records
  expect(await one.client.gateway.purge({ key: record?.cacheKey ?? '' })).toBe(1)
  await until(() => other.client.gateway.stats().memoryCache.entries === 1, 'the other one is told')
  expect(await one.client.gateway.purge({ team: 'prod_customer', agent: 'support', model: 'gpt-4o' })).toBe(1)
  await until(() => other.client.gateway.stats().memoryCache.entries === 0, 'the other one is told')
  await other.client.chat.completions.create(ask('x'))
  expect(upstream.count()).toBe(3)
  await expect(one.client.gateway.purge({ agents: 'x' } as object)).rejects.toThrow(
    'purge.agents: unknown field',
  )
})

test('a purge without Redis purges memory', async () => {
  const { client, upstream } = await setup()
  await client.chat.completions.create(ask('x'))
  expect(await client.gateway.purge({ agent: 'nobody' })).toBe(0)
  expect(await client.gateway.purge({ agent: 'support' })).toBe(1)
  await client.chat.completions.create(ask('x'))
  expect(upstream.count()).toBe(2)
})

test('teams share nothing, unless the policy says so', async () => {
  const redis = await server()
  for (const shared of [false, true]) {
    await redis.admin.flushall()
    const policy = { cache: { shared }, teams: { a: { agents: ['one'] }, b: { agents: ['two'] } } }
    const it = await two(redis, { policy })
    const as = (agent: string) => ({ headers: { 'x-gateway-agent': agent } })
    await it.one.client.chat.completions.create(ask('x'), as('one'))
    await it.one.client.gateway.flush()
    await it.other.client.chat.completions.create(ask('x'), as('two'))
    expect(it.upstream.count()).toBe(shared ? 1 : 2)
  }
})

test('what is in memory is asked of Redis again after its time there', async () => {
  const redis = await server()
  const it = await gateway(redis, { cache: { exact: { localSeconds: 0.05 } } })
  await it.client.chat.completions.create(ask('x'))
  await it.client.gateway.flush()
  await new Promise((resolve) => setTimeout(resolve, 60))
  await it.client.chat.completions.create(ask('x'))
  expect(it.upstream.count()).toBe(1)
  await redis.admin.flushall()
  await new Promise((resolve) => setTimeout(resolve, 60))
  await it.client.chat.completions.create(ask('x'))
  expect(it.upstream.count()).toBe(2)
})
