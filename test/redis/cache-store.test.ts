import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createMemoryCache } from '#src/cache/memory-store.ts'
import { createRedisCache } from '#src/cache/redis-store.ts'
import type { CacheStore } from '#src/cache/store.ts'
import { createTieredCache } from '#src/cache/tiered-store.ts'
import type { CacheEntry } from '#src/cache-entry/entry.ts'
import { createRedisConnection } from '#src/redis/connection.ts'
import { until } from '../support.ts'
import { type RedisServer, startCluster, startRedis } from './server.ts'

const MIB = 1024 * 1024
const counts = { input: 9, cachedInput: 0, audioInput: 0, output: 4, reasoning: 0, audioOutput: 0 }

const entry = (text: string, change: Partial<CacheEntry> = {}): CacheEntry => {
  const now = Date.now()
  return {
    text: JSON.stringify({ text }),
    usage: { usage: counts, estimated: false },
    model: 'gpt-4o-mini',
    headers: [['openai-version', '2020-10-01']],
    answerId: undefined,
    untold: false,
    team: 'a',
    agent: 'support',
    storedAt: now,
    freshUntil: now + 60_000,
    keptUntil: now + 60_000,
    ...change,
  }
}

const key = (name: string, team = 'a') => `gw:{${team}}:x:${name}`

/** Two gateways' views of one cache; for memory it is one and the same. */
type Pair = { one: CacheStore; other: CacheStore; close: () => void }
type Kind = { pair: () => Pair; clear: () => Promise<unknown>; close: () => Promise<unknown> }

const onLink = (url: string, tiered: boolean): Pair => {
  const links = [0, 1].map(() =>
    createRedisConnection(url, { deadlineMs: 2_000, connectMs: 5_000, onChange: () => {} }),
  )
  const [one, other] = links.map((link) => {
    const redis = createRedisCache(link, { maxBytes: 200 * MIB })
    return tiered
      ? createTieredCache(createMemoryCache(8 * MIB), redis, { connection: link, localMs: 60_000 })
      : redis
  }) as [CacheStore, CacheStore]
  const close = () => {
    one.close()
    other.close()
    for (const link of links) link.close()
  }
  return { one, other, close }
}

const kinds: Record<string, () => Promise<Kind>> = {
  memory: async () => ({
    pair: () => {
      const store = createMemoryCache(8 * MIB)
      return { one: store, other: store, close: () => undefined }
    },
    clear: async () => undefined,
    close: async () => undefined,
  }),
  Redis: async () => onServer(false),
  'memory before Redis': async () => onServer(true),
  'a cluster': async () => onCluster(false),
  'memory before a cluster': async () => onCluster(true),
}

/** Keeps the stamps of purges: to a Redis without any, the late message of an earlier test's purge is a purge of now. */
async function forgetEntries({ admin }: Pick<RedisServer, 'admin'>): Promise<void> {
  for (const name of await admin.keys('*')) if (!name.endsWith(':epoch')) await admin.del(name)
}

async function onServer(tiered: boolean): Promise<Kind> {
  const server = await startRedis()
  return { pair: () => onLink(server.url, tiered), clear: () => forgetEntries(server), close: server.close }
}

async function onCluster(tiered: boolean): Promise<Kind> {
  const { url, nodes, close } = await startCluster()
  const clear = () => Promise.all(nodes.map(forgetEntries))
  return { pair: () => onLink(url, tiered), clear, close }
}

describe.each(Object.entries(kinds))('%s', (_, start) => {
  let kind: Kind
  let pair: Pair
  beforeAll(async () => {
    kind = await start()
  })
  afterEach(async () => {
    pair.close()
    await kind.clear()
  })
  afterAll(async () => await kind.close())

  /** Looks first, as a call does: so the store knows of purges before its time. */
  const put = async (of: CacheStore, name: string, what: CacheEntry) => {
    await of.get(name)
    await of.set(name, what)
    await of.settled()
  }

  test('what was set is found, by the other gateway as well, and all of it', async () => {
    pair = kind.pair()
    const it = entry('ü 👩‍🍳 \u0000 "', {
      answerId: 'resp_1',
      usage: { usage: counts, estimated: true, tier: 'flex' },
    })
    await put(pair.one, key('k'), it)
    expect(await pair.one.get(key('k'))).toEqual(it)
    expect(await pair.other.get(key('k'))).toEqual(it)
    expect(await pair.one.get(key('other'))).toBeUndefined()
  })

  test('the last one set is found', async () => {
    pair = kind.pair()
    await put(pair.one, key('k'), entry('first'))
    await put(pair.one, key('k'), entry('second'))
    expect((await pair.one.get(key('k')))?.text).toContain('second')
    expect((await pair.other.get(key('k')))?.text).toContain('second')
  })

  test('an entry is kept until its time, stale or not, and no longer', async () => {
    pair = kind.pair()
    const now = Date.now()
    await put(pair.one, key('k'), entry('x', { freshUntil: now - 1, keptUntil: now + 400 }))
    expect((await pair.other.get(key('k')))?.freshUntil).toBe(now - 1)
    await new Promise((resolve) => setTimeout(resolve, 450))
    expect(await pair.one.get(key('k'))).toBeUndefined()
    expect(await pair.other.get(key('k'))).toBeUndefined()
    await put(pair.one, key('late'), entry('x', { keptUntil: now }))
    expect(await pair.one.get(key('late'))).toBeUndefined()
  })

  test('the answer that upstream was told to delete is forgotten, and no other', async () => {
    pair = kind.pair()
    await put(pair.one, key('k'), entry('x', { answerId: 'resp_1' }))
    await put(pair.one, key('l'), entry('y', { answerId: 'resp_2' }))
    await pair.other.forget('resp_1')
    await pair.other.forget('resp_none')
    await pair.other.forget('x'.repeat(1_000))
    expect(await pair.other.get(key('k'))).toBeUndefined()
    expect(await pair.other.get(key('l'))).toBeDefined()
  })

  /** Made for each test: an entry lasts for a minute. */
  const shelfOf = () => ({
    [key('1')]: entry('1'),
    [key('2')]: entry('2', { agent: 'content' }),
    [key('3')]: entry('3', { model: 'gpt-4o' }),
    [key('4', 'b')]: entry('4', { team: 'b' }),
    [key('5', '*')]: entry('5'),
    [key('6', '*')]: entry('6', { team: 'b', agent: 'content' }),
  })

  test.each([
    ['everything', {}, '123456'],
    ['a team', { team: 'a' }, '1235'],
    ['a team that has nothing', { team: 'c' }, ''],
    ['an agent', { agent: 'content' }, '26'],
    ['a model', { model: 'gpt-4o' }, '3'],
    ['a model of a team', { team: 'b', model: 'gpt-4o-mini' }, '46'],
    ['a key', { key: key('2') }, '2'],
    ['a key that is not of that agent', { key: key('2'), agent: 'support' }, ''],
    ['a key that is not ours', { key: 'gw:{a}:q:1' }, ''],
  ])('purging %s forgets that and nothing else, and says how much it was', async (_, what, gone) => {
    const shelf = shelfOf()
    pair = kind.pair()
    for (const [name, what] of Object.entries(shelf)) await put(pair.one, name, what)
    for (const name of Object.keys(shelf)) await pair.other.get(name)
    expect(await pair.one.purge(what)).toBe(gone.length)
    for (const name of Object.keys(shelf)) {
      const expected = gone.includes(name.at(-1) ?? '')
      expect((await pair.one.get(name)) === undefined, name).toBe(expected)
    }
    await until(() => true, 'nothing')
    for (const store of [pair.one, pair.other])
      for (const name of Object.keys(shelf)) {
        const expected = gone.includes(name.at(-1) ?? '')
        await expect.poll(async () => (await store.get(name)) === undefined).toBe(expected)
      }
  })

  test('closed, it holds nothing back and can still be asked', async () => {
    pair = kind.pair()
    await put(pair.one, key('k'), entry('x'))
    pair.one.close()
    await put(pair.one, key('k'), entry('y'))
    expect((await pair.one.get(key('k')))?.text).toContain('y')
  })
})
