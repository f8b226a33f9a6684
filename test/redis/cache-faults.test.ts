import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { GatewayOptions } from '@hotdash/llm-gateway'
import { afterEach, expect, test, vi } from 'vitest'
import { allowLogInFile } from '../console.ts'
import { TEST_TIMEOUT_MS } from '../runs.ts'
import { ask, type Setup, setup, until } from '../support.ts'
import { type RedisServer, startRedis } from './server.ts'

allowLogInFile('GW_REDIS_BACK', 'GW_REDIS_FULL', 'GW_REDIS_UNAVAILABLE')

const open: { close: () => unknown }[] = []
afterEach(async () => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  for (const thing of open.splice(0).reverse()) await thing.close()
})

const server = async (args?: string[]): Promise<RedisServer> => {
  const it = await startRedis(args)
  open.push(it)
  return it
}

async function gateway(redis: RedisServer, options: GatewayOptions = {}, client = {}): Promise<Setup> {
  const it = await setup({ redis: redis.url, quota: false, metrics: false, ...options }, client)
  open.push({ close: () => it.client.gateway.close() })
  return it
}

const stateOf = ({ client }: Setup) => client.gateway.stats().redis?.state
const shared = ({ client }: Setup) => client.gateway.stats().sharedCache
const isUp = (it: Setup) => () => stateOf(it) === 'up'

/** Asked by one, found by another: Redis is of use. */
async function sharing(redis: RedisServer, it: Setup, content: string): Promise<void> {
  await it.client.chat.completions.create(ask(content))
  await it.client.gateway.flush()
  const other = await gateway(redis, { deadlines: { redisMs: 2_000 } }, { baseURL: it.upstream.baseURL })
  const before = it.upstream.count()
  await other.client.chat.completions.create(ask(content))
  expect(it.upstream.count()).toBe(before)
}

/** Does its worst; what it returns ends it. */
const faults: Record<string, (redis: RedisServer) => Promise<() => unknown>> = {
  'killed at once': async (redis) => {
    await redis.kill()
    return () => redis.restart()
  },
  hung: async (redis) => {
    redis.pause()
    return () => redis.resume()
  },
  emptied: async ({ admin }) => {
    await admin.flushall()
    return () => undefined
  },
  'made a replica of an absent server': async ({ admin }) => {
    await admin.replicaof('127.0.0.1', 1)
    return () => admin.replicaof('NO', 'ONE')
  },
  'cutting every connection': async ({ admin }) => {
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    return () => undefined
  },
}

test.each(Object.entries(faults))(
  'Redis %s: no call fails, memory still answers, and sharing comes back',
  async (_, fault) => {
    const redis = await server()
    const it = await gateway(redis)
    const { client, upstream } = it
    await sharing(redis, it, 'before')
    const end = await fault(redis)
    const during = Array.from({ length: 30 }, (_, at) =>
      client.chat.completions.create(ask(`during ${at % 10}`)),
    )
    expect((await Promise.all(during)).every(({ choices }) => choices[0]?.finish_reason === 'stop')).toBe(
      true,
    )
    const asked = upstream.count()
    for (let at = 0; at < 10; at += 1) await client.chat.completions.create(ask(`during ${at}`))
    expect(upstream.count()).toBe(asked)
    expect(await client.gateway.flush()).toBe(true)
    await end()
    await until(isUp(it), 'recovery')
    await expect.poll(async () => await client.gateway.purge({}).then(() => 'purged', String)).toBe('purged')
    await sharing(redis, it, 'after')
  },
)

test('a purge that cannot reach Redis says so', async () => {
  const redis = await server()
  const it = await gateway(redis)
  await it.client.chat.completions.create(ask('x'))
  await it.client.gateway.flush()
  await redis.kill()
  await expect(it.client.gateway.purge({})).rejects.toMatchObject({ name: 'RedisUnavailable' })
  expect(it.client.gateway.stats().memoryCache.entries).toBe(0)
})

test('a purge that was missed is made good when the connection is back', async () => {
  const redis = await server()
  const it = await gateway(redis)
  await it.client.chat.completions.create(ask('x'))
  await it.client.gateway.flush()
  await expect.poll(async () => String(await redis.admin.pubsub('NUMSUB', 'gw:purge'))).toMatch(/,1$/)
  await redis.admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await redis.admin.flushall()
  await expect.poll(async () => String(await redis.admin.pubsub('NUMSUB', 'gw:purge'))).toMatch(/,1$/)
  await it.client.chat.completions.create(ask('y'))
  await it.client.chat.completions.create(ask('x'))
  expect(it.upstream.count()).toBe(3)
})

const fill = async ({ admin }: RedisServer) => {
  const junk = 'x'.repeat(10_000)
  for (let at = 0; ; at += 1) {
    const full = await admin.set(`junk:${at}`, junk).then(
      () => false,
      () => true,
    )
    if (full) return
  }
}

test('a full Redis is read and not written; it is tried again later', async () => {
  const redis = await server(['--maxmemory', '3mb', '--maxmemory-policy', 'noeviction'])
  const it = await gateway(redis)
  await sharing(redis, it, 'before')
  await fill(redis)
  // Small enough answers still fit for a while.
  for (let at = 0; !shared(it)?.full; at += 1) {
    expect(at).toBeLessThan(200)
    await it.client.embeddings.create({ model: 'text-embedding-3-large', input: `text ${at}` })
    await it.client.gateway.flush()
  }
  const { rejected: skipped = 0, stored } = shared(it) ?? {}
  expect(skipped).toBeGreaterThan(0)
  await it.client.chat.completions.create(ask('while full'))
  await it.client.gateway.flush()
  expect(shared(it)).toMatchObject({ rejected: skipped + 1, stored, errors: 0 })
  expect(stateOf(it)).toBe('up')

  const reader = await gateway(redis, {}, { baseURL: it.upstream.baseURL })
  const before = it.upstream.count()
  await reader.client.chat.completions.create(ask('before'))
  await it.client.chat.completions.create(ask('while full'))
  expect(it.upstream.count()).toBe(before)

  await redis.admin.flushall()
  const now = performance.now.bind(performance)
  vi.spyOn(performance, 'now').mockImplementation(() => now() + 11_000)
  await it.client.chat.completions.create(ask('room again'))
  await it.client.gateway.flush()
  expect(shared(it)).toMatchObject({ full: false, stored: (stored ?? 0) + 1 })
})

test('above its own budget it stores no more, long before Redis is full', async () => {
  const redis = await server()
  const it = await gateway(redis, { cache: { exact: { sharedMaxBytes: 100_000 } } })
  await it.client.chat.completions.create(ask('x'))
  await it.client.gateway.flush()
  expect(shared(it)).toMatchObject({ stored: 0, rejected: 1, full: true, errors: 0 })
  expect(await redis.admin.dbsize()).toBe(0)
})

test('how full Redis is costs no command per call', async () => {
  const redis = await server()
  const it = await gateway(redis, {}, {})
  await it.client.chat.completions.create(ask('warm'))
  await it.client.gateway.flush()
  await redis.admin.config('RESETSTAT')
  for (let at = 0; at < 20; at += 1) await it.client.chat.completions.create(ask(`x ${at}`))
  await it.client.gateway.flush()
  expect(await redis.admin.info('commandstats')).not.toMatch(/cmdstat_info/)
})

const garbage: Record<string, (redis: RedisServer, key: string) => Promise<unknown>> = {
  'a list': ({ admin }, key) => admin.rpush(key, 'x'),
  'a set': ({ admin }, key) => admin.sadd(key, 'x'),
  'a hash': ({ admin }, key) => admin.hset(key, 'x', 'y'),
  'an empty string': ({ admin }, key) => admin.set(key, ''),
  'some JSON': ({ admin }, key) => admin.set(key, '{"choices":[]}'),
  'random bytes': ({ admin }, key) =>
    admin.set(key, Buffer.from(Array.from({ length: 300 }, () => Math.random() * 256))),
  'our beginning and nothing else': ({ admin }, key) => admin.set(key, 'GX\x02\0'),
}

test.each(Object.entries(garbage))(
  '%s under our key is a miss, and the next answer takes its place',
  async (_, put) => {
    const redis = await server()
    const it = await gateway(redis)
    await it.client.chat.completions.create(ask('x'))
    await it.client.gateway.flush()
    const [key = ''] = await redis.admin.keys('gw:*')
    const value = await redis.admin.getBuffer(key)
    await redis.admin.del(key)
    await put(redis, key)
    const other = await gateway(redis, {}, { baseURL: it.upstream.baseURL })
    await other.client.chat.completions.create(ask('x'))
    await other.client.gateway.flush()
    expect(it.upstream.count()).toBe(2)
    expect(shared(other)).toMatchObject({ corrupt: 1, stored: 1, errors: 0 })
    expect((await redis.admin.getBuffer(key))?.subarray(0, 16)).toEqual(value?.subarray(0, 16))
  },
)

test('half of an answer is a miss', async () => {
  const redis = await server()
  const it = await gateway(redis)
  await it.client.chat.completions.create(ask('x'))
  await it.client.gateway.flush()
  const [key = ''] = await redis.admin.keys('gw:*')
  const value = (await redis.admin.getBuffer(key)) ?? Buffer.alloc(0)
  await redis.admin.set(key, value.subarray(0, value.length / 2))
  const other = await gateway(redis, {}, { baseURL: it.upstream.baseURL })
  await other.client.chat.completions.create(ask('x'))
  expect(shared(other)).toMatchObject({ corrupt: 1 })
})

test('nonsense on the channel is not heard', async () => {
  const redis = await server()
  const it = await gateway(redis)
  await it.client.chat.completions.create(ask('x'))
  await expect.poll(async () => String(await redis.admin.pubsub('NUMSUB', 'gw:purge'))).toMatch(/,1$/)
  for (const message of ['', 'x', '{}', 'null', '{"purge":1}', '{"purge":{"all":1}}', '{"answerId":1}'])
    await redis.admin.publish('gw:purge', message)
  await redis.admin.publish('gw:purge', '{"purge":{"agent":"nobody"}}')
  await it.client.chat.completions.create(ask('x'))
  expect(it.upstream.count()).toBe(1)
  expect(it.client.gateway.stats().memoryCache.entries).toBe(1)
})

test('a program that has done its work ends without a call of close(), and its answers stay in the cache', async () => {
  const redis = await server()
  const { upstream } = await setup()
  const script = `
    import { createGatewayClient } from '@hotdash/llm-gateway'
    const client = createGatewayClient({ baseURL: '${upstream.baseURL}', apiKey: 'k', gateway: { redis: '${redis.url}', quota: false } })
    await client.chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'x' }] })`
  const cwd = new URL('..', import.meta.url)
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    cwd,
    timeout: TEST_TIMEOUT_MS,
  })
  const keys = await redis.admin.keys('*')
  expect(keys.map((key) => key.replace(/:[\w-]+$/, '')).toSorted()).toEqual([
    'gw:{default}:x',
    'gw:{metrics}:hour',
    'gw:{metrics}:minute',
    'gw:{metrics}:writer',
  ])
})

test('closed, it leaves no connection behind', async () => {
  const redis = await server()
  const connections = async () =>
    String(await redis.admin.client('LIST'))
      .trim()
      .split('\n').length
  const before = await connections()
  for (let at = 0; at < 5; at += 1) {
    const { client } = await setup({ redis: redis.url })
    await client.chat.completions.create(ask('x'))
    await client.gateway.close()
  }
  await expect.poll(connections).toBe(before)
})
