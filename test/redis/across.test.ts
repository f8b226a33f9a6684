import type { GatewayOptions } from '@hotdash/llm-gateway'
import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import { ask, type Setup, setup, until } from '../support.ts'
import { type RedisServer, startRedis } from './server.ts'

const open: { close: () => unknown }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
})

const server = async (): Promise<RedisServer> => {
  const it = await startRedis()
  open.push(it)
  return it
}

const ACROSS = {
  quota: false as const,
  metrics: false as const,
  coalesce: { crossProcess: true },
  deadlines: { redisMs: 1_000, connectMs: 5_000 },
}

/** Two gateways in one process, which share no more than two processes would. */
async function two(redis: GatewayOptions['redis'] & (string | object), latencyMs = 300, options = {}) {
  const one = await setup({ redis, ...ACROSS, ...options }, {}, { latencyMs })
  // Another address: as another process, it shares no connection with the first.
  const elsewhere = typeof redis === 'string' ? `${redis}&other=1` : redis
  const other = await setup({ redis: elsewhere, ...ACROSS, ...options }, { baseURL: one.upstream.baseURL })
  for (const { client } of [one, other]) open.push({ close: () => client.gateway.close() })
  return { one, other, upstream: one.upstream }
}

/** Connected, subscribed, and done with all that is done only once. */
async function warmUp(redis: RedisServer, worlds: Setup[], channel = 'gw:flight') {
  for (const [at, { client, records }] of worlds.entries()) {
    await client.chat.completions.create(ask(`warm ${at}`))
    await client.gateway.flush()
    records.length = 0
  }
  const listening = new RegExp(`,${worlds.length}$`)
  await expect.poll(async () => String(await redis.admin.pubsub('NUMSUB', channel))).toMatch(listening)
  await redis.admin.config('RESETSTAT')
}

const sentBy = ({ client }: Setup) => client.gateway.stats().redis?.commands ?? 0
const across = ({ client }: Setup) => client.gateway.stats().crossProcess

test('who leads sends four commands to Redis, who follows three, and who finds the answer there one', async () => {
  const redis = await server()
  const { one, other, upstream } = await two(redis.url)
  await warmUp(redis, [one, other])
  const before = [sentBy(one), sentBy(other)]
  const leading = one.client.chat.completions.create(ask('x'))
  await until(() => upstream.count() === 3, 'one asks')
  const followed = await other.client.chat.completions.create(ask('x'))
  expect(followed).toEqual(await leading)
  await one.client.gateway.flush()
  await other.client.gateway.flush()
  expect([sentBy(one), sentBy(other)].map((now, at) => now - (before[at] ?? 0))).toEqual([4, 3])
  expect([across(one), across(other)]).toMatchObject([{ leaders: 2 }, { leaders: 1, followers: 1 }])
  expect(other.records).toMatchObject([
    { cache: 'flight', costUsd: 0, attempts: [], status: 'ok', cacheKey: one.records[0]?.cacheKey },
  ])
  expect(other.records[0]?.savedUsd).toBeGreaterThan(0)
  expect(other.records[0]?.ageMs).toBeUndefined()
  await one.client.gateway.close()
  const late = await setup({ redis: redis.url, ...ACROSS }, { baseURL: upstream.baseURL })
  open.push({ close: () => late.client.gateway.close() })
  await late.client.chat.completions.create(ask('x'))
  expect(upstream.count()).toBe(3)
  expect(across(late)).toEqual({ leaders: 0, takeovers: 0, followers: 0, fallbacks: 0 })
})

test('switched off, it costs nothing: no command, no subscription, no key', async () => {
  const redis = await server()
  const { one, other, upstream } = await two(redis.url, 100, { coalesce: {} })
  await warmUp(redis, [one, other], 'gw:purge')
  await Promise.all([one, other].map(({ client }) => client.chat.completions.create(ask('x'))))
  await Promise.all([one, other].map(({ client }) => client.gateway.flush()))
  expect(upstream.count()).toBe(4)
  const stats = await redis.admin.info('commandstats')
  const counted = Object.fromEntries(
    [...stats.matchAll(/^cmdstat_(get|eval\w*|publish|subscribe|set):calls=(\d+)/gm)].map(
      ([, name, calls]) => [name, Number(calls)],
    ),
  )
  // The scripts that keep the two answers, and what they write.
  expect(counted).toEqual({ evalsha: 2, set: 2 })
  expect(await redis.admin.pubsub('NUMSUB', 'gw:flight')).toEqual(['gw:flight', 0])
  expect(await redis.admin.keys('gw:*:flight:*')).toEqual([])
  expect(across(one)).toBeUndefined()
})

test.each<[string, GatewayOptions | undefined, Record<string, string>]>([
  ['no-cache', undefined, { 'x-gateway-cache': 'no-cache' }],
  ['no-store', undefined, { 'x-gateway-cache': 'no-store' }],
  ['the exact cache off', { cache: { exact: false } }, {}],
])('with %s a call neither leads nor follows', async (_, options, headers) => {
  const redis = await server()
  const { one, other, upstream } = await two(redis.url, 100, options)
  await Promise.all([one, other].map(({ client }) => client.chat.completions.create(ask('x'), { headers })))
  expect(upstream.count()).toBe(2)
  expect(await redis.admin.keys('gw:*:flight:*')).toEqual([])
  expect(across(one)).toEqual({ leaders: 0, takeovers: 0, followers: 0, fallbacks: 0 })
})

test('a thousand calls in two processes are one upstream call, and two contenders for it', async () => {
  const redis = await server()
  const { one, other, upstream } = await two(redis.url, 300, { quota: false })
  await warmUp(redis, [one, other])
  const all = [one, other].flatMap(({ client }) =>
    Array.from({ length: 500 }, () => client.chat.completions.create(ask('x'))),
  )
  expect(new Set((await Promise.all(all)).map(({ id }) => id)).size).toBe(1)
  expect(upstream.count()).toBe(3)
  await Promise.all([one, other].map(({ client }) => client.gateway.flush()))
  const records = [...one.records, ...other.records]
  expect(records.filter(({ costUsd }) => costUsd !== 0)).toHaveLength(1)
  expect(records.filter(({ cache }) => cache === 'flight')).toHaveLength(999)
})

test('what a process followed is not kept as a flight of its own: forgotten in the cache, it is asked again', async () => {
  const redis = await server()
  const { one, other, upstream } = await two(redis.url)
  await warmUp(redis, [one, other])
  const leading = one.client.chat.completions.create(ask('x'))
  await until(() => upstream.count() === 3, 'one asks')
  await other.client.chat.completions.create(ask('x'))
  await leading
  await one.client.gateway.flush()
  await one.client.gateway.purge({})
  await until(() => other.client.gateway.stats().memoryCache.entries === 0, 'the other one is told')
  await other.client.chat.completions.create(ask('x'))
  await other.client.gateway.flush()
  expect(other.records.map(({ cache }) => cache)).toEqual(['flight', 'miss'])
  expect(upstream.count()).toBe(4)
})

test('who takes over looks first whether the answer has come', async () => {
  const redis = await server()
  const { one, other, upstream } = await two(redis.url, 50)
  await warmUp(redis, [one, other])
  const noCache = { headers: { 'x-gateway-cache': 'no-cache' } }
  await one.client.chat.completions.create(ask('x'), noCache)
  await one.client.gateway.flush()
  const [{ cacheKey = '' } = {}] = one.records
  await redis.admin.del(cacheKey)
  const lease = cacheKey.replace(':x:', ':flight:')
  await redis.admin.set(lease, 'of one that says nothing any more', 'PX', 60_000)
  await redis.admin.config('RESETSTAT')
  const waiting = other.client.chat.completions.create(ask('x'))
  await expect.poll(async () => await redis.admin.info('commandstats')).toMatch(/cmdstat_set:calls=1/)
  await one.client.chat.completions.create(ask('x'), noCache)
  await one.client.gateway.flush()
  await redis.admin.del(lease)
  expect((await waiting).choices).toHaveLength(1)
  expect(upstream.count()).toBe(4)
  expect(across(other)).toEqual({ leaders: 1, takeovers: 0, followers: 1, fallbacks: 0 })
})

test('a call that is stalled between its lookup and the lease until the outcome has expired finds the answer', async () => {
  const redis = await server()
  const stalled = new Redis(redis.url)
  open.push({ close: () => stalled.disconnect() })
  const patient = { deadlines: { redisMs: 60_000, connectMs: 60_000 } }
  const { one, upstream } = await two(redis.url, 50, patient)
  const other = await setup({ redis: stalled, ...ACROSS, ...patient }, { baseURL: upstream.baseURL })
  open.push({ close: () => other.client.gateway.close() })
  await warmUp(redis, [one, other])
  const reached = Promise.withResolvers<void>()
  const resume = Promise.withResolvers<void>()
  const set = stalled.set.bind(stalled) as (...args: unknown[]) => Promise<'OK'>
  stalled.set = async (...args: unknown[]) => {
    reached.resolve()
    await resume.promise
    return await set(...args)
  }
  const late = other.client.chat.completions.create(ask('x'))
  await reached.promise
  const early = await one.client.chat.completions.create(ask('x'))
  await one.client.gateway.flush()
  const key = one.records[0]?.cacheKey?.replace(':x:', ':flight:') ?? ''
  expect(await redis.admin.exists(key)).toBe(1)
  await expect.poll(async () => await redis.admin.exists(key)).toBe(0)
  resume.resolve()
  expect(await late).toEqual(early)
  expect(upstream.count()).toBe(3)
  expect(across(other)).toEqual({ leaders: 1, takeovers: 0, followers: 1, fallbacks: 0 })
})

test('a lease is renewed until the answer is stored, however long that takes', async () => {
  const redis = await server()
  const slow = new Redis(redis.url)
  open.push({ close: () => slow.disconnect() })
  const patient = {
    deadlines: { redisMs: 60_000, connectMs: 60_000 },
    coalesce: { crossProcess: true, waitMs: 120_000 },
  }
  const { one: other, upstream } = await two(redis.url, 50, patient)
  const one = await setup({ redis: slow, ...ACROSS, ...patient }, { baseURL: upstream.baseURL })
  open.push({ close: () => one.client.gateway.close() })
  await warmUp(redis, [other, one])
  const storing = Promise.withResolvers<string>()
  const resume = Promise.withResolvers<void>()
  const evalsha = slow.evalsha.bind(slow) as (...args: unknown[]) => Promise<unknown>
  slow.evalsha = async (...args: unknown[]) => {
    const key = args.find((arg) => String(arg).includes(':x:'))
    if (key !== undefined) {
      storing.resolve(String(key))
      await resume.promise
    }
    return await evalsha(...args)
  }
  const leading = await one.client.chat.completions.create(ask('x'))
  const lease = (await storing.promise).replace(':x:', ':flight:')
  const following = other.client.chat.completions.create(ask('x'))
  let [left, renewals] = [0, 0]
  // Four renewals are a second apart, and a lease lives for three.
  await expect
    .poll(async () => {
      const before = left
      left = await redis.admin.pttl(lease)
      renewals += left > before ? 1 : 0
      return renewals
    })
    .toBeGreaterThan(4)
  resume.resolve()
  expect(await following).toEqual(leading)
  expect(upstream.count()).toBe(3)
  expect(across(other)).toEqual({ leaders: 1, takeovers: 0, followers: 1, fallbacks: 0 })
})

test('a Responses answer repeats to each process what it asked with', async () => {
  const redis = await server()
  const { one, other, upstream } = await two(redis.url)
  await warmUp(redis, [one, other])
  const [mine, theirs] = await Promise.all(
    [one, other].map(({ client }, at) =>
      client.responses.create({ model: 'gpt-4o-mini', input: 'x', metadata: { asker: String(at) } }),
    ),
  )
  expect(upstream.count({ path: '/v1/responses' })).toBe(1)
  expect(theirs?.output_text).toBe(mine?.output_text)
  expect([mine?.metadata, theirs?.metadata]).toEqual([{ asker: '0' }, { asker: '1' }])
})

test("a client of the program's own with a prefix to all its keys works as well", async () => {
  const redis = await server()
  const lent = () => {
    const client = new Redis(redis.url, { keyPrefix: 'app:' })
    open.push({ close: () => client.disconnect() })
    return client
  }
  const one = await setup({ redis: lent(), ...ACROSS }, {}, { latencyMs: 300 })
  const other = await setup({ redis: lent(), ...ACROSS }, { baseURL: one.upstream.baseURL })
  for (const { client } of [one, other]) open.push({ close: () => client.gateway.close() })
  await warmUp(redis, [one, other])
  await Promise.all([one, other].map(({ client }) => client.chat.completions.create(ask('x'))))
  expect(one.upstream.count()).toBe(3)
  expect([across(one)?.followers, across(other)?.followers].toSorted()).toEqual([0, 1])
  await Promise.all([one, other].map(({ client }) => client.gateway.flush()))
  expect((await redis.admin.keys('*')).every((key) => key.startsWith('app:gw:{'))).toBe(true)
})

test('a gateway that closes leaves no lease behind', async () => {
  const redis = await server()
  const { one } = await two(redis.url, 0)
  await one.client.chat.completions.create(ask('x'))
  await one.client.gateway.close()
  const keys = await redis.admin.keys('gw:*:flight:*')
  expect(await Promise.all(keys.map((key) => redis.admin.get(key)))).toEqual(['kept'])
})

test('a gateway that closes releases its waiting calls: they send their own requests', async () => {
  const redis = await server()
  const { one, other, upstream } = await two(redis.url, 0, {
    coalesce: { crossProcess: true, waitMs: 60_000 },
  })
  await warmUp(redis, [one, other])
  upstream.fail({ type: 'hang' })
  const controller = new AbortController()
  const leading = one.client.chat.completions.create(ask('x'), { signal: controller.signal })
  await until(() => upstream.count() === 3, 'one asks')
  const waiting = other.client.chat.completions.create(ask('x'))
  await expect.poll(async () => await redis.admin.info('commandstats')).toMatch(/cmdstat_set:calls=2/)
  await other.client.gateway.close(0)
  expect((await waiting).choices).toHaveLength(1)
  expect(upstream.count()).toBe(4)
  controller.abort()
  await expect(leading).rejects.toThrow('aborted')
})

test('without Redis the option changes nothing', async () => {
  const { client, upstream } = await setup({ coalesce: { crossProcess: true } })
  await Promise.all([1, 2].map(() => client.chat.completions.create(ask('x'))))
  expect(upstream.count()).toBe(1)
  expect(client.gateway.stats().crossProcess).toBeUndefined()
})
