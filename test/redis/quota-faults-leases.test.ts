import { expect, test } from 'vitest'
import { DEFAULT_WHILE_UNAVAILABLE } from '#src/core/team-limits.ts'
import { until } from '../support.ts'
import { admitted, leased, process, server } from './quota-faults-kit.ts'
import { truth, usd } from './quota-kit.ts'

test('Redis killed: a process goes on with its lease; back and empty, Redis hears of everything', async () => {
  const redis = await server()
  const [a, b] = [process(redis.url), process(redis.url)]
  const bound = { rpm: 20, whileUnavailable: leased }
  await b.take('another', bound)
  expect(await admitted(a, 'before', 4, bound)).toBe(4)
  for (const round of [1, 2, 3]) {
    await b.take(`b ${round}`, bound)
    await a.take(`a ${round}`, bound)
    // What was used of a lease is granted again once Redis has heard of it.
    for (const one of [b, a]) {
      one.report()
      await until(() => one.stats().queued === 0, 'told')
    }
  }
  await redis.kill()
  await until(() => [a, b].every(({ link }) => link.stats().state !== 'up'), 'loss of the connections')
  // A fifth of the limit is leased to both together: two requests each, once each has asked since the other came.
  const [own, theirs] = [await admitted(a, 'own', 6, bound), await admitted(b, 'theirs', 6, bound)]
  expect(own + theirs).toBe(4)
  expect(await a.take('more', bound)).toMatchObject({
    admitted: false,
    limit: 'rpm',
    retryAfterMs: 1_000,
    degraded: true,
  })
  await redis.restart()
  await until(() => a.isBack() && b.isBack(), 'recovery')
  await until(() => a.stats().queued + b.stats().queued === 0, 'hand-back')
  const unleased = { ...bound, whileUnavailable: { ...DEFAULT_WHILE_UNAVAILABLE, leased: 0 } }
  await b.take('back', unleased)
  // Its lease counts against the others until it has given it back; then only what was admitted does.
  await b.leave()
  expect(await a.take('after', unleased)).toMatchObject({
    admitted: true,
    remaining: { requests: 20 - 1 - 4 - 6 - 4 - 2 },
  })
  expect(a.stats()).toMatchObject({ mode: 'shared', dropped: 0, errors: 0 })
})

test('calls admitted by lease just before Redis dies are reported once it is back, without another call', async () => {
  const redis = await server()
  const a = process(redis.url)
  const bound = { rpm: 100, whileUnavailable: leased }
  await a.take('first', bound)
  expect(await admitted(a, 'by lease', 5, bound)).toBe(5)
  expect(a.stats()).toMatchObject({ leased: 5, queued: 5 })
  redis.pause()
  await redis.kill()
  await until(() => a.link.stats().state !== 'up', 'loss of the connection')
  // Several attempts are rejected before anything is sent.
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  expect(a.stats().queued).toBe(5)
  await redis.restart()
  await until(() => a.stats().queued === 0, 'reports')
  expect(a.stats()).toMatchObject({ dropped: 0 })
})

test('Redis restarted: a process without a lease waits for it, and its calls are decided by Redis', async () => {
  const redis = await server()
  const [a, b] = [process(redis.url), process(redis.url)]
  expect(await admitted(a, 'before', 10, { rpm: 30 })).toBe(10)
  await redis.kill()
  const taken = admitted(b, 'first', 3, { rpm: 30 })
  await new Promise((resolve) => setTimeout(resolve, 300))
  await redis.restart()
  expect(await taken).toBe(3)
  expect(b.stats()).toMatchObject({ mode: 'shared', alone: 1, unavailable: 0 })
})

test('Redis killed: a process that is the only one goes on with all that was left of its minute', async () => {
  const redis = await server()
  const a = process(redis.url, { processes: 1 })
  const bound = { rpm: 10 }
  expect(await admitted(a, 'before', 4, bound)).toBe(4)
  await redis.kill()
  expect(await admitted(a, 'alone', 10, bound)).toBe(6)
  await redis.restart()
  await until(a.isBack, 'recovery')
  expect(await a.take('after', bound)).toMatchObject({ admitted: false, limit: 'rpm' })
})

test('Redis killed: what the only process admitted by its lease, and could not tell, is part of its minute', async () => {
  const redis = await server()
  const a = process(redis.url, { processes: 1, reportMs: 3_600_000 })
  const bound = { rpm: 10, whileUnavailable: { ...DEFAULT_WHILE_UNAVAILABLE, leased: 0.5 } }
  expect(await admitted(a, 'before', 4, bound)).toBe(4)
  expect(a.stats()).toMatchObject({ decided: 1, leased: 3 })
  await redis.kill()
  await until(() => a.link.stats().state !== 'up', 'noticed')
  expect(await admitted(a, 'alone', 20, bound)).toBe(6)
})

test('limits of a newer policy end a lease of older ones, as soon as its holder hears of them', async () => {
  const redis = await server()
  const [a, b] = [process(redis.url, { reportMs: 3_600_000 }), process(redis.url)]
  const [old, newer] = [
    { rpm: 100, version: 1 },
    { rpm: 3, version: 2 },
  ]
  expect(await admitted(a, 'by Redis, then by lease', 2, old)).toBe(2)
  expect(a.stats()).toMatchObject({ decided: 1, leased: 1 })
  expect((await b.take('newer', newer)).admitted).toBe(true)
  a.report()
  await until(() => a.stats().queued === 0, 'told')
  expect(await a.take('over', old)).toMatchObject({ admitted: false, limit: 'rpm', bounds: { rpm: 3 } })
  // Its own lease does not cover a call that brings other limits.
  expect(await a.take('own', newer)).toMatchObject({ admitted: false, limit: 'rpm' })
  expect(a.stats()).toMatchObject({ decided: 3, leased: 1 })
})

test('Redis killed: of dollars a process spends its lease, and what calls leave of it; then it is refused', async () => {
  const redis = await server()
  const a = process(redis.url)
  const bound = { usdPerDay: usd(1_000), whileUnavailable: leased }
  await a.take('before', bound, 200)
  await a.settle(truth('before', { cost: usd(200) }))
  await a.take('lease', bound, 100)
  await redis.kill()
  // A fifth of the 700 that were left.
  expect(await a.take('too much', bound, 141)).toMatchObject({ admitted: false, retryAfterMs: 1_000 })
  expect(await a.take('all', bound, 140)).toMatchObject({ admitted: true, remaining: { usd: 0 } })
  await a.settle(truth('all', { cost: usd(100) }))
  expect(await a.take('the rest', bound, 41)).toMatchObject({ admitted: false })
  expect(await a.take('what it left', bound, 40)).toMatchObject({ admitted: true, remaining: { usd: 0 } })
  await redis.restart()
  await until(a.isBack, 'recovery')
  expect(await a.take('after', bound, 560)).toMatchObject({ admitted: true, remaining: { usd: 0 } })
})
