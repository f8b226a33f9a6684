import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { allowLogInFile } from '../console.ts'
import { embedder } from '../semantic-embedder.ts'
import { ask, type Setup } from '../support.ts'
import { gateway, newcomer, OTHER, placeOf } from './semantic-hostile-kit.ts'
import { asking, ORIGINAL, REWORDED, SECRET, server } from './semantic-kit.ts'

allowLogInFile('GW_REDIS_BACK', 'GW_REDIS_UNAVAILABLE')

const commands = ({ client }: Setup) => client.gateway.stats().redis?.commands ?? 0

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
  expect((await asking(it, REWORDED))?.cache).toBe('semantic')
  expect(commands(it)).toBeLessThan(250)
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
