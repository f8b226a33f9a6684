import { afterEach, expect, test } from 'vitest'
import { DEFAULT_WHILE_UNAVAILABLE, type Limits } from '#src/core/team-limits.ts'
import { keysOf } from '#src/quota/redis/wire.ts'
import { until } from '../support.ts'
import { startFront } from './front.ts'
import { claim, fill, limits, member, truth, usd } from './quota-kit.ts'
import { startRedis } from './server.ts'

const open: { close: () => unknown }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
})
const opened = <T extends { close: () => unknown }>(thing: T): T => {
  open.push(thing)
  return thing
}

const server = async (args?: string[]) => opened(await startRedis(args))
type Options = Parameters<typeof member>[1]
const process = (url: string, options?: Options) => {
  const quota = opened(member(url, options))
  return {
    ...quota,
    take: (id: string, bound: Partial<Limits>, cost = 100) =>
      quota.reserve(claim(id, { limits: limits(bound), worstCost: usd(cost) })),
    /** Redis answers again, and the others had time to tell it what they admitted. */
    isBack: () => quota.link.stats().state === 'up' && Date.now() - quota.link.stats().since > 1_300,
  }
}
type Process = ReturnType<typeof process>

/** A clock that can be put ahead. */
function clockAhead() {
  let offset = 1e12
  return {
    now: () => Math.round(offset + performance.now()),
    ahead(ms: number) {
      offset += ms
    },
  }
}

/** Returns how many of `tries` reservations were admitted. */
async function admitted(who: Process, name: string, tries: number, bound: Partial<Limits>): Promise<number> {
  let count = 0
  for (let at = 0; at < tries; at += 1) if ((await who.take(`${name}${at}`, bound)).admitted) count += 1
  return count
}

/** A fifth of each limit is leased: enough to see what becomes of it. */
const leased = { ...DEFAULT_WHILE_UNAVAILABLE, leased: 0.2 }

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

test('a process that never reached Redis has one request for a minute, then one part in eight; and no dollars', async () => {
  const redis = await server()
  const clock = clockAhead()
  await redis.kill()
  const a = process(redis.url, { now: clock.now })
  expect(await admitted(a, 'x', 10, { rpm: 32 })).toBe(1)
  clock.ahead(40_000)
  expect(await admitted(a, 'later', 10, { rpm: 32 })).toBe(0)
  clock.ahead(21_000)
  expect(await admitted(a, 'after a minute', 10, { rpm: 32 })).toBe(4)
  expect(await a.take('y', { usdPerDay: usd(1_000) })).toMatchObject({
    admitted: false,
    limit: 'unavailable',
  })
  expect(a.stats()).toMatchObject({ mode: 'reject', unavailable: 1 })
})

test('a process that never reached Redis has its part of the allowances, by the configured number of processes', async () => {
  const redis = await server()
  await redis.kill()
  const a = process(redis.url, { processes: 5 })
  const ofRates = { ...DEFAULT_WHILE_UNAVAILABLE, allowanceOfRates: 0.5 }
  expect(await admitted(a, 'x', 10, { rpm: 40, whileUnavailable: ofRates })).toBe(4)
  const b = process(redis.url, { processes: 5 })
  const bound = {
    usdPerDay: usd(10_000),
    whileUnavailable: { ...DEFAULT_WHILE_UNAVAILABLE, allowance: usd(1_000) },
  }
  expect(await b.take('in its part', bound, 200)).toMatchObject({ admitted: true })
  expect(await b.take('beyond', bound, 1)).toMatchObject({ admitted: false, limit: 'daily_usd' })
})

test('an allowance of requests and tokens is set apart from what Redis gives to others', async () => {
  const redis = await server()
  const a = process(redis.url)
  const bound = {
    rpm: 40,
    whileUnavailable: { ...DEFAULT_WHILE_UNAVAILABLE, leased: 0, allowanceOfRates: 0.25 },
  }
  expect(await admitted(a, 'x', 50, bound)).toBe(30)
  expect(await a.take('more', bound)).toMatchObject({ admitted: false, limit: 'rpm', bounds: { rpm: 30 } })
})

test('an allowance of dollars is set apart from what is counted in Redis', async () => {
  const redis = await server()
  const a = process(redis.url)
  const bound = {
    usdPerDay: usd(1_000),
    whileUnavailable: { ...DEFAULT_WHILE_UNAVAILABLE, leased: 0, allowance: usd(300) },
  }
  expect(await a.take('all', bound, 700)).toMatchObject({ admitted: true, remaining: { usd: 0 } })
  expect(await a.take('more', bound, 1)).toMatchObject({ admitted: false, limit: 'daily_usd' })
})

test('a process that was out of touch for a minute has one part in as many as Redis ever told it of', async () => {
  const redis = await server()
  const clock = clockAhead()
  const options = { clock: 'client', now: clock.now } as const
  const fleet = [process(redis.url, options), process(redis.url, options), process(redis.url, options)]
  for (const [at, each] of fleet.entries()) await each.take(`first${at}`, { rpm: 33 })
  await redis.kill()
  const last = fleet.at(-1)
  // One in twenty of 33 is leased, to the first that asked.
  expect(last && (await admitted(last, 'leased', 20, { rpm: 33 }))).toBe(0)
  clock.ahead(60_250)
  expect(last && (await admitted(last, 'alone', 20, { rpm: 33 }))).toBe(11)
})

test('a policy that refuses: no call is admitted uncounted, and calls are admitted again at once when Redis is back', async () => {
  const redis = await server()
  const a = process(redis.url)
  const bound = {
    rpm: 10,
    whileUnavailable: { ...DEFAULT_WHILE_UNAVAILABLE, rates: 'reject' as const, dollars: 'reject' as const },
  }
  await a.take('before', bound)
  await redis.kill()
  expect(await a.take('away', bound)).toMatchObject({ admitted: false, limit: 'unavailable' })
  expect(a.stats()).toMatchObject({ mode: 'reject', unavailable: 1, alone: 0 })
  // What ended meanwhile is not lost.
  await a.settle(truth('before', { tokens: 5 }))
  await redis.restart()
  await until(a.isBack, 'recovery')
  expect(await a.take('after', bound)).toMatchObject({ admitted: true, remaining: { requests: 8 } })
  await a.settle(truth('after'))
  await a.settled()
  expect(a.stats()).toMatchObject({ mode: 'shared', queued: 0, dropped: 0 })
})

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
