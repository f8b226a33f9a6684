import { type FakeOpenAI, type FakeOpenAIOptions, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { runs } from '../runs.ts'
import { until } from '../support.ts'
import { type Asker, countedBy, endCrowds, type Got, startCrowd } from './crowd.ts'
import { type RedisServer, startCluster, startRedis } from './server.ts'

afterAll(endCrowds)

function closing<T extends { close: () => unknown }>(thing: T): T {
  onTestFinished(async () => void (await thing.close()))
  return thing
}

const server = async (args?: string[]): Promise<RedisServer> => closing(await startRedis(args))
const fake = async (options: FakeOpenAIOptions = {}): Promise<FakeOpenAI> =>
  closing(await startFakeOpenAI({ tokens: 'approximate', ...options }))
const crowd = async (...args: Parameters<typeof startCrowd>): Promise<Asker[]> =>
  closing(await startCrowd(...args)).askers

/** Every other one streams. */
const askAll = (askers: Asker[], content: string): Promise<Got>[] =>
  askers.map((asker, at) => asker.ask(content, { stream: at % 2 === 0 }))

const askedFor =
  (content: string) =>
  ({ text }: { text: string }) =>
    text.includes(JSON.stringify(content))

/** The one whose request reached upstream as the `nth` for this content. */
function asked(upstream: FakeOpenAI, askers: Asker[], nth = 0): { holder: Asker; others: Asker[] } {
  const key = upstream.requests[nth]?.headers.authorization
  const [holder] = askers.filter(({ name }) => key === `Bearer ${name}`)
  if (holder === undefined) throw new Error(`nobody's request: ${key}`)
  return { holder, others: askers.filter((asker) => asker !== holder) }
}

const leaseOf = async ({ admin }: RedisServer): Promise<string | null> => {
  const [key] = await admin.keys('gw:*:flight:*')
  return key === undefined ? null : await admin.get(key)
}

/** Waits until all `askers` processes have the question: one leads, the others found it taken and are subscribed. */
async function allWait({ admin }: RedisServer, askers: number): Promise<void> {
  const listening = new RegExp(`,${askers}$`)
  await expect.poll(async () => String(await admin.pubsub('NUMSUB', 'gw:flight'))).toMatch(listening)
}

const contents = (all: Got[]) => new Set(all.map(({ content, error }) => error ?? content))

test('six processes asking the same, streamed and whole, make one upstream call and get the same answer', async () => {
  const redis = await server()
  const upstream = await fake({ latencyMs: 300, chunkDelayMs: 2 })
  const askers = await crowd(6, redis.url, upstream)
  const all = await Promise.all(askAll(askers, 'x'))
  expect(upstream.count()).toBe(1)
  expect(contents(all).size).toBe(1)
  expect(all[0]?.content).toBeTruthy()
  expect(all.map(({ cache }) => cache).toSorted()).toEqual([...Array(5).fill('flight'), 'miss'])
  expect(await countedBy(askers)).toEqual({ leaders: 1, takeovers: 0, followers: 5, fallbacks: 0 })
})

test('whenever they come, before, during or just after the flight, there is one upstream call', async () => {
  const redis = await server()
  const upstream = await fake({ latencyMs: 60 })
  const askers = await crowd(4, redis.url, upstream)
  await Promise.all(askAll(askers, 'warm'))
  const rounds = runs(100)
  for (let round = 0; round < rounds; round += 1) {
    const content = `round ${round}`
    const all = askers.map(async (asker, at) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 150))
      return await asker.ask(content, { stream: (at + round) % 2 === 0 })
    })
    expect(contents(await Promise.all(all)).size).toBe(1)
  }
  const { leaders, takeovers, fallbacks } = await countedBy(askers)
  // A holder that the machine stops for longer than its lease lives is followed by another.
  expect({ calls: upstream.count(), leaders, fallbacks }).toEqual({
    calls: rounds + 1 + takeovers,
    leaders: rounds + 1 + takeovers,
    fallbacks: 0,
  })
})

test('the holder is killed: one of the others takes over, the rest follow it, and no call fails', async () => {
  const redis = await server()
  const upstream = await fake({ latencyMs: 200 })
  const askers = await crowd(6, redis.url, upstream)
  upstream.fail({ type: 'hang' })
  const calls = askAll(askers, 'x')
  await until(() => upstream.count() === 1, 'one asks')
  await allWait(redis, 6)
  const { holder, others } = asked(upstream, askers)
  holder.kill('SIGKILL')
  const all = (await Promise.all(calls)).filter((_, at) => askers[at] !== holder)
  expect(all.every(({ content }) => content)).toBe(true)
  expect(contents(all).size).toBe(1)
  expect(upstream.count()).toBe(2)
  expect(await countedBy(others)).toEqual({ leaders: 1, takeovers: 1, followers: 4, fallbacks: 0 })
})

test.each([
  ['an error', (upstream: FakeOpenAI) => upstream.fail({ type: 'status', status: 500 })],
  ['a reset connection', (upstream: FakeOpenAI) => upstream.fail({ type: 'reset' })],
  ['an answer too long', (upstream: FakeOpenAI) => upstream.answer({ text: 'half', finishReason: 'length' })],
  [
    'what it may not say',
    (upstream: FakeOpenAI) => upstream.answer({ text: '', finishReason: 'content_filter' }),
  ],
])(
  'the holder gets %s: the others send their own requests, all at once, and each gets its own answer',
  async (_, spoil) => {
    const redis = await server()
    const upstream = await fake({ latencyMs: 500 })
    const askers = await crowd(4, redis.url, upstream)
    spoil(upstream)
    const calls = askAll(askers, 'x')
    await until(() => upstream.count() === 1, 'one asks')
    const { holder, others } = asked(upstream, askers)
    const got = (await Promise.all(calls)).filter((_, at) => askers[at] !== holder)
    expect(upstream.count()).toBe(4)
    expect(got.every(({ content, cache }) => content && content !== 'half' && cache === 'miss')).toBe(true)
    expect(await countedBy(others)).toEqual({ leaders: 0, takeovers: 0, followers: 0, fallbacks: 3 })
  },
)

test('a holder without waiting callers hands over, and upstream stops generating', async () => {
  const redis = await server()
  const upstream = await fake({ latencyMs: 100 })
  const askers = await crowd(3, redis.url, upstream)
  upstream.fail({ type: 'hang' })
  const [first, ...rest] = askers
  const leave = Promise.withResolvers<void>()
  const leaving = first?.ask('x', { leave: leave.promise })
  await until(() => upstream.count() === 1, 'the first asks')
  const calls = rest.map((asker) => asker.ask('x'))
  await allWait(redis, 3)
  leave.resolve()
  expect((await leaving)?.error).toMatch(/aborted/i)
  expect(contents(await Promise.all(calls)).size).toBe(1)
  expect(upstream.count()).toBe(2)
  expect(upstream.requests[0]?.aborted).toBe(true)
  expect(await countedBy(rest)).toMatchObject({ leaders: 1, takeovers: 1, followers: 1 })
})

test('a follower that leaves is gone at once, and the others are none the worse', async () => {
  const redis = await server()
  const upstream = await fake({ latencyMs: 2_000 })
  const askers = await crowd(3, redis.url, upstream)
  const [first, second, third] = askers
  const calls = [first?.ask('x'), third?.ask('x', { stream: true })]
  await until(() => upstream.count() === 1, 'one asks')
  const leave = Promise.withResolvers<void>()
  const leaving = second?.ask('x', { leave: leave.promise })
  await allWait(redis, 3)
  leave.resolve()
  const left = await Promise.race([leaving, ...calls])
  expect(left?.error).toMatch(/aborted/i)
  expect(contents((await Promise.all(calls)) as Got[]).size).toBe(1)
  expect(upstream.count()).toBe(1)
})

test('a call that has waited for `waitMs` sends its own request', async () => {
  const redis = await server()
  const upstream = await fake()
  const askers = await crowd(4, redis.url, upstream, {
    coalesce: { crossProcess: true, waitMs: 5_000 },
  })
  upstream.fail({ type: 'hang' })
  const calls = askAll(askers, 'x')
  await until(() => upstream.count() === 1, 'one asks')
  const { holder, others } = asked(upstream, askers)
  await allWait(redis, 4)
  const answers = calls.filter((_, at) => askers[at] !== holder)
  expect((await Promise.all(answers)).every(({ content }) => content)).toBe(true)
  expect(upstream.count()).toBe(4)
  expect(await countedBy(others)).toEqual({ leaders: 0, takeovers: 0, followers: 0, fallbacks: 3 })
})

test.each([
  ['hung', (redis: RedisServer) => redis.pause()],
  ['killed', (redis: RedisServer) => redis.kill()],
  ['emptied', ({ admin }: RedisServer) => admin.flushall()],
  [
    'cutting every connection',
    async ({ admin }: RedisServer) => {
      for (const type of ['normal', 'pubsub']) await admin.call('CLIENT', 'KILL', 'TYPE', type)
    },
  ],
])('Redis %s while they wait: no call fails, and each wait is short', async (_, fault) => {
  const redis = await server()
  const upstream = await fake({ latencyMs: 1_500 })
  const askers = await crowd(4, redis.url, upstream, {
    deadlines: { redisMs: 300 },
    coalesce: { crossProcess: true, waitMs: 600_000 },
  })
  const before = askAll(askers, 'x')
  await until(() => upstream.count() === 1, 'one asks')
  await allWait(redis, 4)
  await fault(redis)
  const after = askAll(askers, 'y')
  const all = await Promise.all([...before, ...after])
  expect(contents(all.slice(0, 4)).size).toBe(1)
  expect(contents(all.slice(4)).size).toBe(1)
  expect(all.every(({ content }) => content)).toBe(true)
  expect(upstream.count(askedFor('x'))).toBeLessThanOrEqual(4)
})

test('a holder that was stopped for longer than its lease neither ends the lease of another nor changes its answer', async () => {
  const redis = await server()
  const upstream = await fake({ latencyMs: 500 })
  const askers = await crowd(4, redis.url, upstream)
  upstream.fail({ type: 'latency', ms: 100 })
  upstream.fail({ type: 'latency', ms: 3_000 })
  upstream.answer('the first', 'the second')
  const calls = askAll(askers, 'x')
  await until(() => upstream.count() === 1, 'one asks')
  const { holder } = asked(upstream, askers)
  holder.kill('SIGSTOP')
  await until(() => upstream.count() === 2, 'another takes over')
  const lease = await leaseOf(redis)
  holder.kill('SIGCONT')
  const late = await calls[askers.indexOf(holder)]
  await holder.stats()
  expect(late?.content).toBe('the first')
  expect(await leaseOf(redis)).toBe(lease)
  const rest = (await Promise.all(calls)).filter((_, at) => askers[at] !== holder)
  expect(contents(rest)).toEqual(new Set(['the second']))
  expect(upstream.count()).toBe(2)
})

test('a holder that takes longer than a lease keeps it', async () => {
  const redis = await server()
  const upstream = await fake({ latencyMs: 4_500 })
  const askers = await crowd(3, redis.url, upstream)
  expect(contents(await Promise.all(askAll(askers, 'x'))).size).toBe(1)
  expect(upstream.count()).toBe(1)
})

test('who may not subscribe looks instead, and follows all the same', async () => {
  const redis = await server()
  await redis.admin.call('ACL', 'SETUSER', 'default', '-subscribe')
  const upstream = await fake({ latencyMs: 400 })
  const askers = await crowd(4, redis.url, upstream)
  for (const content of ['x', 'y']) {
    expect(contents(await Promise.all(askAll(askers, content))).size).toBe(1)
    expect(upstream.count(askedFor(content))).toBe(1)
  }
  expect(await countedBy(askers)).toEqual({ leaders: 2, takeovers: 0, followers: 6, fallbacks: 0 })
})

test('where Redis is full, each process sends its own request', async () => {
  const redis = await server()
  const upstream = await fake({ latencyMs: 100 })
  const askers = await crowd(3, redis.url, upstream)
  await Promise.all(askAll(askers, 'warm'))
  await redis.admin.config('SET', 'maxmemory', '1')
  const all = await Promise.all(askAll(askers, 'x'))
  expect(contents(all).size).toBe(1)
  expect(upstream.count(askedFor('x'))).toBe(3)
})

test('in a cluster of three it is the same', async () => {
  const { url } = closing(await startCluster())
  const upstream = await fake({ latencyMs: 300 })
  const askers = await crowd(4, url, upstream)
  for (const content of ['x', 'y', 'z']) {
    expect(contents(await Promise.all(askAll(askers, content))).size).toBe(1)
    expect(upstream.count(askedFor(content))).toBe(1)
  }
  expect(await countedBy(askers)).toEqual({ leaders: 3, takeovers: 0, followers: 9, fallbacks: 0 })
})
