import { setTimeout as sleep } from 'node:timers/promises'
import { type GatewayOptions, gatewayOptions } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { signerOf } from '#src/semantic/query/partition.ts'
import { seal, unseal } from '#src/semantic/store/codec.ts'
import { allowLogInFile } from '../console.ts'
import { runs } from '../runs.ts'
import { embedder } from '../semantic-embedder.ts'
import { ask, type Setup, setup } from '../support.ts'
import { type RedisServer, startRedis } from './server.ts'

allowLogInFile('GW_REDIS_BACK', 'GW_REDIS_UNAVAILABLE')

const open: { close: () => unknown }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
})

const ORIGINAL = 'Do you ship the wooden chairs to Norway?'
const REWORDED = 'Do you ship wooden chairs to Norway?'
const OTHER = 'Which woods do you use for tables?'
const SECRET = 'shared by all processes'

async function server(): Promise<RedisServer> {
  const redis = await startRedis()
  open.push(redis)
  return redis
}

async function gateway(redis: RedisServer, baseURL?: string, more: GatewayOptions = {}): Promise<Setup> {
  const it = await setup(
    {
      redis: redis.url,
      metrics: false,
      quota: false,
      deadlines: { redisMs: 120_000, connectMs: 120_000 },
      policy: { cache: { exact: false, semantic: { mode: 'on', threshold: 0.9, judge: false } } },
      cache: { semantic: { embedder, secret: SECRET, deadlineMs: 120_000 } },
      ...more,
    },
    baseURL === undefined ? {} : { baseURL },
  )
  open.push({ close: () => it.client.gateway.close() })
  return it
}

async function asking({ client, records }: Setup, question: string) {
  await client.chat.completions.create(ask(question))
  await client.gateway.flush()
  return records.at(-1)
}

/** A process that starts now: its first question has the partition loaded. */
async function newcomer(redis: RedisServer, { upstream }: Setup, more: GatewayOptions = {}): Promise<Setup> {
  const it = await gateway(redis, upstream.baseURL, more)
  await asking(it, OTHER)
  return it
}

const commands = ({ client }: Setup) => client.gateway.stats().redis?.commands ?? 0

/** The one partition there is, and its one entry. */
async function placeOf({ admin }: RedisServer) {
  const [key = ''] = await admin.keys('gw:{*}:s:*:*')
  const name = key.slice(0, key.lastIndexOf(':'))
  return { key, name, id: key.slice(name.length + 1), value: (await admin.getBuffer(key)) ?? Buffer.alloc(0) }
}

test('a list with 100,000 made-up ids costs a bounded number of commands, and its newest entries are found', async () => {
  const redis = await server()
  const one = await gateway(redis)
  await asking(one, ORIGINAL)
  const { name } = await placeOf(redis)
  await redis.admin.eval(
    `for at = 1, 100000, 2 do
       redis.call('zadd', KEYS[1], 1e12 + at, string.format('%020d', at), 1e12 + at, 'not an id ' .. at)
     end`,
    1,
    name,
  )
  const before = redis.admin
  const it = await newcomer(redis, one)
  // The load may go on while questions are answered: its end shows in what is found.
  let asked = 0
  const found = async () => {
    asked += 1
    await it.client.chat.completions.create(ask(REWORDED), gatewayOptions({ cache: { noStore: true } }))
    await it.client.gateway.flush()
    return it.records.at(-1)?.cache
  }
  await expect.poll(found).toBe('semantic')
  expect(commands(it)).toBeLessThan(250 + 5 * asked)
  expect(await before.zcard(name)).toBeLessThanOrEqual(100_002)
})

test('ids from the future are not looked at again and again', async () => {
  const redis = await server()
  const one = await gateway(redis)
  await asking(one, ORIGINAL)
  const { name } = await placeOf(redis)
  for (let at = 0; at < 500; at += 1) await redis.admin.zadd(name, 9e15 + at, `${at}`.padStart(20, 'f'))
  await redis.admin.zadd(name, '+inf', 'f'.repeat(20))
  const it = await newcomer(redis, one)
  await sleep(1_050)
  const before = commands(it)
  expect((await asking(it, REWORDED))?.cache).toBe('semantic')
  expect(commands(it) - before).toBeLessThanOrEqual(4)
})

test('questions that go on and on about one thing load a partition by pages, not one by one', async () => {
  const redis = await server()
  const one = await gateway(redis)
  for (let at = 0; at < 230; at += 1)
    await one.client.chat.completions.create(ask(`${ORIGINAL} ${'very '.repeat(at % 7)} ${words(at)}`))
  await one.client.gateway.flush()
  const before = await newcomer(redis, one)
  expect(commands(before)).toBeLessThan(20)
})

/** Numbers would not be asked by meaning. */
const words = (at: number) => [...`${at}`].map((digit) => 'abcdefghij'[Number(digit)]?.repeat(4)).join(' ')

test('a value of 60 MB under a key of the cache is refused, and other entries are found', async () => {
  const redis = await server()
  const one = await gateway(redis)
  await asking(one, ORIGINAL)
  const { name, value } = await placeOf(redis)
  const huge = `${name}:${'h'.repeat(20)}`
  await redis.admin.set(huge, value)
  await redis.admin.setrange(huge, 60 * 1024 * 1024, 'x')
  await redis.admin.zadd(name, Date.now(), 'h'.repeat(20))
  const it = await newcomer(redis, one)
  expect((await asking(it, REWORDED))?.cache).toBe('semantic')
})

test('vectors that were signed and are still of no use: zeros, extremes, another length', async () => {
  const redis = await server()
  const one = await gateway(redis)
  await asking(one, ORIGINAL)
  const { name, id, value } = await placeOf(redis)
  const partition = { name, secret: signerOf(SECRET)(name) }
  const generation = (await redis.admin.get(name.replace('}:s:', '}:sg:'))) ?? ''
  const sealed = await unseal(partition, id, value, generation)
  if (sealed === undefined) throw new Error('the entry cannot be opened')
  const bad: Record<string, Int8Array> = {
    zeros: new Int8Array(512),
    least: new Int8Array(512).fill(-128),
    most: new Int8Array(512).fill(127),
    short: new Int8Array(511).fill(1),
    long: new Int8Array(4_000).fill(1),
    none: new Int8Array(0),
  }
  for (const [what, vector] of Object.entries(bad)) {
    const place = what.padEnd(20, '_')
    const made = await seal(partition, place, { ...sealed, question: what, vector }, generation)
    await redis.admin.set(`${name}:${place}`, made ?? '', 'PX', 60_000)
    await redis.admin.zadd(name, Date.now(), place)
  }
  const it = await newcomer(redis, one)
  const record = await asking(it, REWORDED)
  expect(record).toMatchObject({ cache: 'semantic', semantic: { entry: `${name}:${id}` } })
  expect(record?.similarity).toBeLessThanOrEqual(1.000_001)
})

test('an entry of another partition, put in its place by a client with write access to Redis, is not served', async () => {
  const redis = await server()
  const one = await gateway(redis)
  await asking(one, ORIGINAL)
  const { value, id } = await placeOf(redis)
  await redis.admin.flushall()
  const body = { ...ask('Which woods do you use for chairs?'), seed: 7 }
  await one.client.chat.completions.create(body)
  await one.client.gateway.flush()
  const { name } = await placeOf(redis)
  await redis.admin.set(`${name}:${id}`, value, 'PX', 60_000)
  await redis.admin.zadd(name, Date.now(), id)
  const it = await gateway(redis, one.upstream.baseURL)
  for (const question of [OTHER, REWORDED]) {
    await it.client.chat.completions.create({ ...ask(question), seed: 7 })
    await it.client.gateway.flush()
  }
  expect(it.records.at(-1)).toMatchObject({ cache: 'miss', status: 'ok' })
})

test('an entry that stands under the id of another question is not given for it', async () => {
  const redis = await server()
  const one = await gateway(redis)
  await asking(one, ORIGINAL)
  const { key, value } = await placeOf(redis)
  await asking(one, 'Are the oak tables oiled or waxed?')
  for (const other of await redis.admin.keys('gw:{*}:s:*:*'))
    if (other !== key) await redis.admin.set(other, value, 'PX', 60_000)
  const it = await newcomer(redis, one)
  expect((await asking(it, 'Are oak tables oiled or waxed?'))?.cache).toBe('miss')
  expect((await asking(it, REWORDED))?.cache).toBe('semantic')
})

test('whatever is done to the bytes of an entry, it is given as it was or not at all', async () => {
  const redis = await server()
  const one = await gateway(redis)
  await asking(one, ORIGINAL)
  const { key, value } = await placeOf(redis)
  const change = fc.oneof(
    fc.record({
      type: fc.constant('flip' as const),
      at: fc.nat(value.length - 1),
      by: fc.integer({ min: 1, max: 255 }),
    }),
    fc.record({ type: fc.constant('cut' as const), at: fc.nat(value.length - 1) }),
    fc.record({
      type: fc.constant('append' as const),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 50 }),
    }),
    fc.record({ type: fc.constant('replace' as const), bytes: fc.uint8Array({ maxLength: 300 }) }),
  )
  await fc.assert(
    fc.asyncProperty(change, async (it) => {
      const bad = Buffer.from(value)
      if (it.type === 'flip') bad[it.at] = (bad[it.at] ?? 0) ^ it.by
      const made = {
        flip: () => bad,
        cut: () => bad.subarray(0, 'at' in it ? it.at : 0),
        append: () => Buffer.concat([bad, Buffer.from('bytes' in it ? it.bytes : [])]),
        replace: () => Buffer.from('bytes' in it ? it.bytes : []),
      }[it.type]()
      await redis.admin.set(key, made, 'PX', 60_000)
      const fresh = await newcomer(redis, one)
      expect((await asking(fresh, REWORDED))?.cache).toBe('miss')
      await redis.admin.unlink(...(await redis.admin.keys('gw:{*}:s:*:*')))
      // The list has not lost it.
      await redis.admin.zadd(key.slice(0, key.lastIndexOf(':')), Date.now(), key.slice(-20))
    }),
    { numRuns: runs(25) },
  )
})

test.each(['string', 'list', 'hash', 'set', 'stream'] as const)(
  'a %s under the name of a partition makes plain misses, and nothing is lost',
  async (type) => {
    const redis = await server()
    const it = await gateway(redis)
    await asking(it, ORIGINAL)
    const { name } = await placeOf(redis)
    await redis.admin.unlink(name)
    if (type === 'string') await redis.admin.set(name, 'x')
    if (type === 'list') await redis.admin.lpush(name, 'x')
    if (type === 'hash') await redis.admin.hset(name, 'x', 'y')
    if (type === 'set') await redis.admin.sadd(name, 'x')
    if (type === 'stream') await redis.admin.xadd(name, '*', 'x', 'y')
    const other = await newcomer(redis, it)
    expect(await asking(other, REWORDED)).toMatchObject({ cache: 'miss', status: 'ok' })
    // Who knows the entry already still finds it.
    expect((await asking(it, REWORDED))?.cache).toBe('semantic')
    await redis.admin.unlink(name)
    await asking(other, 'Do you ship wooden chairs to Sweden?')
    expect(other.client.gateway.stats().redis?.state).toBe('up')
  },
)

test('Redis emptied under its feet: a miss, and then as before', async () => {
  const redis = await server()
  const it = await gateway(redis)
  await asking(it, ORIGINAL)
  expect((await asking(it, REWORDED))?.cache).toBe('semantic')
  await redis.admin.flushall()
  expect((await asking(it, REWORDED))?.cache).toBe('miss')
  expect((await asking(it, `${REWORDED} Thanks!`))?.cache).toBe('semantic')
  for (const key of await redis.admin.keys('gw:*'))
    expect(await redis.admin.pttl(key), key).toBeGreaterThan(0)
})

test.each(['kill', 'pause'] as const)(
  'after a %s of Redis a question is a plain miss within its deadlines; afterwards it is found again',
  async (fault) => {
    const redis = await server()
    const it = await gateway(redis, undefined, { deadlines: { redisMs: 100 } })
    await asking(it, ORIGINAL)
    await redis[fault]()
    for (let at = 0; at < 3; at += 1)
      expect(await asking(it, REWORDED)).toMatchObject({ cache: 'miss', status: 'ok' })
    if (fault === 'kill') await redis.restart()
    else redis.resume()
    await expect
      .poll(async () => (await asking(it, `${REWORDED} Thanks!`))?.cache, { interval: 100 })
      .toBe('semantic')
  },
)

test('an answer renewed by one process outlives its old time in another', async () => {
  const redis = await server()
  const policy = (ttlSeconds: number) => ({
    policy: {
      cache: {
        exact: false as const,
        semantic: { mode: 'on' as const, threshold: 0.9, judge: false as const, ttlSeconds },
      },
    },
  })
  const one = await gateway(redis, undefined, policy(3))
  await asking(one, ORIGINAL)
  const other = await newcomer(redis, one)
  expect((await asking(other, REWORDED))?.cache).toBe('semantic')
  const renewing = await gateway(redis, one.upstream.baseURL, policy(60))
  await renewing.client.chat.completions.create(ask(ORIGINAL), { headers: { 'x-gateway-cache': 'no-cache' } })
  await renewing.client.gateway.flush()
  await sleep(1_100)
  await asking(other, OTHER)
  await sleep(2_500)
  expect((await asking(other, REWORDED))?.cache).toBe('semantic')
})

test('this process holds no more than it may, and has the newest', async () => {
  const redis = await server()
  const one = await gateway(redis)
  const maxBytes = 100_000
  for (let at = 0; at < 260; at += 1)
    await one.client.chat.completions.create(
      ask(`Do you sell ${words(at)} chairs made of ${words(at * 7)} wood?`),
    )
  await one.client.gateway.flush()
  await sleep(2)
  await asking(one, ORIGINAL)
  const it = await newcomer(redis, one, { cache: { semantic: { embedder, secret: SECRET, maxBytes } } })
  expect((await asking(it, REWORDED))?.cache).toBe('semantic')
  expect(await asking(it, `Do you sell the ${words(0)} chairs made of ${words(0)} wood?`)).toMatchObject({
    cache: 'miss',
  })
})
