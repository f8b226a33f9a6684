import { expect, test } from 'vitest'
import { keysOf } from '#src/quota/redis/wire.ts'
import { opened } from '../closing.ts'
import { until } from '../support.ts'
import { startFront } from './front.ts'
import { admitted, leased, process, server } from './quota-faults-kit.ts'
import { fill, truth, usd } from './quota-kit.ts'

test('hung: what was sent and yet happened is counted once, whichever way it was decided', async () => {
  const redis = await server()
  const a = process(redis.url, { deadlineMs: 60 })
  const bound = { rpm: 20, usdPerDay: usd(2_000), whileUnavailable: leased }
  await a.take('warm', bound)
  redis.pause()
  const tries = await Promise.all(Array.from({ length: 6 }, (_, at) => a.take(`hung${at}`, bound)))
  // The lease is used while Redis is not known to be away, and nothing else is.
  for (const one of tries) if (!one.admitted) expect(one).toMatchObject({ degraded: true })
  redis.resume()
  await until(a.isBack, 'recovery')
  const { remaining } = await a.take('after', bound)
  // Redis has executed all six. As requests they count; of their dollars, those that were not admitted are given back.
  expect(remaining.requests).toBe(20 - 1 - 6 - 1)
  await until(() => a.stats().queued === 0, 'hand-back')
  const went = tries.filter((one) => one.admitted).length
  expect(went).toBe(3)
  expect(await a.take('last', bound)).toMatchObject({ remaining: { usd: 2_000 - (1 + went + 2) * 100 } })
})

test('flushed: the first process that asks brings back the whole window as it was last told of it', async () => {
  const redis = await server()
  const [a, b] = [process(redis.url), process(redis.url)]
  const bound = { rpm: 10, tpm: 2_000, usdPerDay: usd(2_000) }
  expect(await admitted(b, 'b', 4, bound)).toBe(4)
  expect(await admitted(a, 'a', 3, bound)).toBe(3)
  await redis.admin.flushall()
  // b stays silent; its four calls count all the same.
  expect(await a.take('again', bound)).toMatchObject({
    admitted: true,
    remaining: { requests: 2, tokens: 1_200, usd: 1_200 },
  })
  // And they count once, when b claims them as its own.
  expect(await b.take('again b', bound)).toMatchObject({
    remaining: { requests: 1, tokens: 1_100, usd: 1_100 },
  })
  expect(await admitted(a, 'more', 5, bound)).toBe(1)
  expect(await a.take('over', bound)).toMatchObject({ admitted: false, limit: 'rpm' })
})

test('flushed: a call under way is spend when it ends', async () => {
  const redis = await server()
  const a = process(redis.url)
  const bound = { usdPerDay: usd(1_000) }
  await a.take('under way', bound, 300)
  await redis.admin.flushall()
  await a.settle(truth('under way', { cost: usd(40) }))
  const { remaining } = await a.take('next', bound)
  // The hold is remembered as spend, and the truth comes on top: on the side of refusing.
  expect(remaining.usd).toBe(1_000 - 300 - 40 - 100)
  expect(a.stats()).toMatchObject({ errors: 0, alone: 0 })
})

test('an operator gives a team its day back; to delete its key would not help', async () => {
  const redis = await server()
  const a = process(redis.url)
  const bound = { usdPerDay: usd(1_000) }
  await a.take('a', bound, 900)
  await a.settle(truth('a', { cost: usd(900) }))
  await redis.admin.del('gw:{t}:quota')
  expect(await a.take('b', bound)).toMatchObject({ admitted: true, remaining: { usd: 0 } })
  await redis.admin.hset('gw:{t}:quota', 'inherited', 0, 'spent', 0, 'doubt', 0)
  expect(await a.take('c', bound)).toMatchObject({ admitted: true, remaining: { usd: 800 } })
})

test('failed over to a replica that had not heard the last writes: who made them brings them back', async () => {
  const [first, second] = [await server(), await server()]
  await second.admin.replicaof('127.0.0.1', first.port)
  const front = opened(await startFront(first.port))
  const a = process(front.url)
  const bound = { rpm: 10, usdPerDay: usd(2_000) }
  expect(await admitted(a, 'a', 3, bound)).toBe(3)
  await first.admin.wait(1, 2_000)
  await second.admin.replicaof('NO', 'ONE')
  expect(await admitted(a, 'unheard', 4, bound)).toBe(4)
  front.switchTo(second.port)
  // The connection is made anew by itself, and this call waits for that.
  await a.take('cut off', bound)
  await a.take('one more', bound)
  const { remaining } = await a.take('last', bound)
  expect(remaining).toEqual({ requests: 0, usd: 2_000 - 10 * 100 })
})

test('a log that Redis keeps survives its death, and so do the limits', async () => {
  const redis = await server(['--appendonly', 'yes', '--appendfsync', 'always'])
  const a = process(redis.url)
  expect(await admitted(a, 'a', 7, { rpm: 10 })).toBe(7)
  await redis.kill()
  await redis.restart()
  const stranger = process(redis.url)
  expect(await stranger.take('x', { rpm: 10 })).toMatchObject({ remaining: { requests: 2 } })
})

test('filled up in mid-work: counting goes on, to the last request and dollar', async () => {
  const redis = await server()
  const [a, b] = [process(redis.url), process(redis.url)]
  const bound = { rpm: 10, usdPerDay: usd(900) }
  expect(await admitted(a, 'a', 5, bound)).toBe(5)
  await fill(redis.admin)
  await expect(redis.admin.set('x', 'y')).rejects.toThrow('OOM')
  expect(await admitted(b, 'b', 10, bound)).toBe(4)
  await b.settle(truth('b0', { cost: usd(0) }))
  expect(await b.take('last', bound)).toMatchObject({
    admitted: true,
    remaining: { requests: 0, usd: 0 },
  })
  expect(b.stats()).toMatchObject({ mode: 'shared', errors: 0 })
})

test("the server's clock set back ten minutes: the window stays as full as it is, and no longer than a minute", async () => {
  const redis = await server()
  const a = process(redis.url)
  await admitted(a, 'a', 3, { rpm: 4 })
  await redis.admin.hset(keysOf('t', '')[0] ?? '', 'clock', Date.now() + 600_000)
  expect(await a.take('b', { rpm: 4 })).toMatchObject({ admitted: true, remaining: { requests: 0 } })
  const refused = await a.take('c', { rpm: 4 })
  expect(refused).toMatchObject({ admitted: false })
  if (!refused.admitted) expect(refused.retryAfterMs).toBeLessThanOrEqual(60_250)
})

test("the server's clock set ahead ten minutes: the window stays as full as it is, for those who were told the time", async () => {
  const redis = await server()
  const a = process(redis.url)
  await admitted(a, 'a', 3, { rpm: 4 })
  // As if its clock had been ten minutes behind until now.
  await redis.admin.hset(keysOf('t', '')[0] ?? '', 'skew', -600_000)
  expect(await a.take('b', { rpm: 4 })).toMatchObject({ admitted: true, remaining: { requests: 0 } })
  expect(await a.take('c', { rpm: 4 })).toMatchObject({ admitted: false, limit: 'rpm' })
})

test('limits changed live: the newest version binds for all, and a process that does not know it is told', async () => {
  const redis = await server()
  const [old, young] = [process(redis.url), process(redis.url)]
  await old.take('a', { rpm: 10, version: 1 })
  await young.take('b', { rpm: 3, version: 2 })
  expect(await old.take('c', { rpm: 10, version: 1 })).toMatchObject({
    admitted: true,
    remaining: { requests: 0 },
    bounds: { rpm: 3 },
  })
  expect(await old.take('d', { rpm: 10, version: 1 })).toMatchObject({ admitted: false, bounds: { rpm: 3 } })
  // A policy without a version goes by its own limits.
  expect(await old.take('e', { rpm: 10 })).toMatchObject({ remaining: { requests: 6 } })
})
