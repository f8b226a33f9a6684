import { expect, test } from 'vitest'
import { allowLog } from '../console.ts'
import { ask } from '../support.ts'
import { asking, gateway, ORIGINAL, REWORDED, server, two, warm } from './semantic-kit.ts'
import type { RedisServer } from './server.ts'

const entries = ({ admin }: RedisServer) => admin.keys('gw:{*}:s:*:*')

test('what one process was answered, another finds by meaning within a second', async () => {
  const [one, other] = await two(await server())
  await warm(other)
  await asking(one, ORIGINAL)
  await new Promise((resolve) => setTimeout(resolve, 1_100))
  expect(await asking(other, REWORDED)).toMatchObject({ cache: 'semantic', semantic: { outcome: 'hit' } })
})

test('a process that starts later loads what there is', async () => {
  const [one, other] = await two(await server())
  await asking(one, ORIGINAL)
  await warm(other)
  expect((await asking(other, REWORDED))?.cache).toBe('semantic')
})

test('every key belongs to its team and has a time to live; vector and answer are one value', async () => {
  const redis = await server()
  const it = await gateway(redis)
  await asking(it, ORIGINAL)
  const keys = await redis.admin.keys('gw:{default}:s:*')
  expect(keys).toHaveLength(2)
  for (const key of keys) expect(await redis.admin.pttl(key)).toBeGreaterThan(0)
})

test('a deleted entry is not given any more, by any process', async () => {
  const redis = await server()
  const it = await gateway(redis)
  await asking(it, ORIGINAL)
  await redis.admin.unlink(...(await entries(redis)))
  expect((await asking(it, REWORDED))?.cache).toBe('miss')
})

test.each([
  [
    'changed by a bit',
    (value: Buffer) => Buffer.from(value.map((byte, at) => (at === 200 ? byte ^ 1 : byte))),
  ],
  ['cut', (value: Buffer) => value.subarray(0, value.length - 1)],
  ['garbage', () => Buffer.from('garbage')],
  ['empty', () => Buffer.alloc(0)],
])('an entry that is %s is not given', async (_what, spoil) => {
  const redis = await server()
  const it = await gateway(redis)
  await asking(it, ORIGINAL)
  for (const key of await entries(redis)) {
    const value = await redis.admin.getBuffer(key)
    await redis.admin.set(key, spoil(value ?? Buffer.alloc(0)), 'PX', 60_000)
  }
  expect((await asking(it, REWORDED))?.cache).toBe('miss')
})

test('an entry of another partition, or of another secret, is not ours', async () => {
  const redis = await server()
  const [one, other] = await two(redis, { secret: 'a secret of another program' })
  await asking(one, ORIGINAL)
  await asking(other, 'Do you ship the wooden chairs to Sweden?')
  const [first = '', second = ''] = (await entries(redis)).toSorted()
  const [a, b] = [await redis.admin.getBuffer(first), await redis.admin.getBuffer(second)]
  await redis.admin.set(first, b ?? '', 'PX', 60_000)
  await redis.admin.set(second, a ?? '', 'PX', 60_000)
  expect((await asking(one, REWORDED))?.cache).toBe('miss')
  expect((await asking(other, 'Do you ship wooden chairs to Sweden?'))?.cache).toBe('miss')
})

test('while Redis is away questions are plain misses, and none fails', async () => {
  allowLog('GW_REDIS_UNAVAILABLE')
  const redis = await server()
  const it = await gateway(redis)
  await asking(it, ORIGINAL)
  await redis.kill()
  expect(await asking(it, REWORDED)).toMatchObject({ cache: 'miss', status: 'ok' })
})

test('a list under the name of a partition, or of an entry, is a plain miss', async () => {
  const redis = await server()
  const it = await gateway(redis)
  await asking(it, ORIGINAL)
  for (const key of await redis.admin.keys('gw:{default}:s:*')) {
    await redis.admin.unlink(key)
    await redis.admin.lpush(key, 'x')
  }
  expect(await asking(it, REWORDED)).toMatchObject({ cache: 'miss', status: 'ok' })
})

test('an admin sees entries, pins them, and removes them; who has not the secret sees nothing', async () => {
  const redis = await server()
  const [one, stranger] = await two(redis, { secret: 'a secret of another program' })
  await asking(one, ORIGINAL)
  const admin = one.client.gateway.semantic
  const [entry] = (await admin?.list({})) ?? []
  expect(entry).toMatchObject({ team: 'default', agent: 'support', question: ORIGINAL, pinned: false })
  expect(JSON.parse(entry?.answer ?? '{}')).toHaveProperty('choices')
  expect(await stranger.client.gateway.semantic.list({})).toEqual([])
  expect(await admin?.pin(entry?.key ?? '')).toBe(true)
  expect((await admin?.list({ agent: 'support' }))?.[0]).toMatchObject({ pinned: true })
  expect(await redis.admin.pttl(entry?.key ?? '')).toBeGreaterThan(300 * 86_400_000)
  expect((await asking(one, REWORDED))?.cache).toBe('semantic')
  expect(await admin?.remove({ agent: 'seo' })).toBe(0)
  expect(await admin?.remove({ key: entry?.key ?? '' })).toBe(1)
  expect((await asking(one, REWORDED))?.cache).toBe('miss')
})

test('a purge forgets what is answered by meaning, too', async () => {
  const redis = await server()
  const it = await gateway(redis)
  await asking(it, ORIGINAL)
  expect(await it.client.gateway.purge({ team: 'default' })).toBe(2)
  expect((await asking(it, REWORDED))?.cache).toBe('miss')
  expect(await it.client.gateway.purge({ team: 'another' })).toBe(0)
})

test('an answer that was under way when it was purged is not kept by meaning either', async () => {
  const redis = await server()
  const [one, other] = await two(redis)
  await warm(one)
  await warm(other)
  one.upstream.fail({ type: 'latency', ms: 150 })
  const before = one.upstream.count()
  const asked = one.client.chat.completions.create(ask(ORIGINAL))
  await expect.poll(() => one.upstream.count()).toBeGreaterThan(before)
  await other.client.gateway.purge({})
  await asked
  await one.client.gateway.flush()
  expect(await entries(redis)).toEqual([])
  expect(await asking(one, REWORDED)).toMatchObject({ cache: 'miss' })
})
