import fc from 'fast-check'
import { expect, test } from 'vitest'
import { signerOf } from '#src/semantic/query/partition.ts'
import { seal, unseal } from '#src/semantic/store/codec.ts'
import { allowLogInFile } from '../console.ts'
import { runs } from '../runs.ts'
import { ask } from '../support.ts'
import { gateway, newcomer, OTHER, placeOf } from './semantic-hostile-kit.ts'
import { asking, ORIGINAL, REWORDED, SECRET, server } from './semantic-kit.ts'

allowLogInFile('GW_REDIS_BACK', 'GW_REDIS_UNAVAILABLE')

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
