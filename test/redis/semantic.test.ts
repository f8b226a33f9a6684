import type { GatewayOptions } from '@hotdash/llm-gateway'
import { afterEach, expect, test } from 'vitest'
import { createRedisConnection } from '#src/redis/connection.ts'
import { feedbackName } from '#src/semantic/decision/threshold/feedback.ts'
import { emptyLabels, estimate } from '#src/semantic/decision/threshold/labels.ts'
import { createSharedLabels } from '#src/semantic/decision/threshold/shared.ts'
import { allowLog } from '../console.ts'
import { calibrated, embedder } from '../semantic-embedder.ts'
import { judging } from '../semantic-judging.ts'
import { ask, type Setup, setup } from '../support.ts'
import { type RedisServer, startRedis } from './server.ts'

const open: { close: () => unknown }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
})

const ORIGINAL = 'Do you ship the wooden chairs to Norway?'
const REWORDED = 'Do you ship wooden chairs to Norway?'
const SECRET = 'shared by all processes'

async function server(): Promise<RedisServer> {
  const redis = await startRedis()
  open.push(redis)
  return redis
}

async function gateway(
  redis: RedisServer,
  semantic: object = {},
  more: GatewayOptions = {},
  client: { baseURL?: string } = {},
): Promise<Setup> {
  const settings: GatewayOptions = {
    redis: redis.url,
    metrics: false,
    quota: false,
    deadlines: { redisMs: 2_000 },
    policy: { cache: { semantic: { mode: 'on', threshold: 0.9, judge: false } } },
    cache: { semantic: { embedder, secret: SECRET, ...semantic } },
    ...more,
  }
  const it = await setup(settings, client)
  open.push({ close: () => it.client.gateway.close() })
  return it
}

async function asking({ client, records }: Setup, question: string) {
  await client.chat.completions.create(ask(question))
  await client.gateway.flush()
  return records.at(-1)
}

/** Partitions are loaded in the background: the first question finds nothing. */
async function warm(it: Setup) {
  await asking(it, 'Which woods do you use for tables?')
}

const entries = ({ admin }: RedisServer) => admin.keys('gw:{*}:s:*:*')

/** All processes ask one upstream, whose address is part of every partition. */
async function two(redis: RedisServer, semantic: object = {}): Promise<[Setup, Setup]> {
  const one = await gateway(redis)
  const { baseURL } = one.upstream
  const other = await setup(
    {
      redis: redis.url,
      metrics: false,
      quota: false,
      deadlines: { redisMs: 2_000 },
      policy: { cache: { semantic: { mode: 'on', threshold: 0.9, judge: false } } },
      cache: { semantic: { embedder, secret: SECRET, ...semantic } },
    },
    { baseURL },
  )
  open.push({ close: () => other.client.gateway.close() })
  return [one, other]
}

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
  const [one, other] = await two(redis, { secret: 'a secret of somebody else' })
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
  const [one, stranger] = await two(redis, { secret: 'a secret of somebody else' })
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

test('groups that one process found are believed by another', async () => {
  const shared = { embedder: calibrated }
  const policy = { cache: { semantic: { mode: 'on' as const, judge: false as const } } }
  const redis = await server()
  const one = await gateway(redis, shared, { policy })
  const other = await gateway(redis, shared, { policy }, { baseURL: one.upstream.baseURL })
  one.upstream.answer(...Array.from({ length: 4 }, () => 'We ship to all of Europe.'))
  for (const word of ['the', 'those', 'these'])
    await asking(one, `Do you ship ${word} wooden chairs to Norway?`)
  await warm(other)
  expect(await asking(other, REWORDED)).toMatchObject({
    cache: 'semantic',
    semantic: { path: 'consensus' },
  })
})

test('what was judged of single entries is known to all processes, bounded, and with an end', async () => {
  const redis = await server()
  const link = createRedisConnection(redis.url, {
    deadlineMs: 2_000,
    connectMs: 2_000,
    onChange: () => undefined,
  })
  open.push({ close: () => link.close() })
  const labels = createSharedLabels(link)
  const school = { agent: 'support', name: 'gw:{default}:sl:support', secret: Buffer.from('secret') }
  const entry = `gw:{default}:s:${'p'.repeat(24)}:${'e'.repeat(20)}`
  const note = { entry, similarity: 0.912, right: true, nearest: true, confidence: 0.7 }
  const none = { nearest: emptyLabels(), consensus: emptyLabels() }
  for (let each = 0; each < 3; each += 1) await labels.add(school, note, none)
  await labels.add(school, { ...note, right: false, nearest: false }, none)
  const known = await labels.load(school)
  expect(known?.feedback.get(feedbackName(entry))).toEqual([
    ...Array.from({ length: 3 }, () => ({ similarity: 0.912, right: true })),
    { similarity: 0.912, right: false },
  ])
  expect(known && estimate(known.nearest, 0.9)).toMatchObject({ labels: 3, wrong: 0 })
  expect(known && estimate(known.consensus, 0.7)).toMatchObject({ labels: 4, wrong: 1 })
  for (const key of await redis.admin.keys('gw:*')) expect(await redis.admin.pttl(key)).toBeGreaterThan(0)
  for (let each = 0; each < 1_100; each += 1) await labels.add(school, { ...note, entry: `${each}` }, none)
  expect((await labels.load(school))?.feedback.size).toBe(1_000)
  expect(await redis.admin.strlen(school.name)).toBeLessThan(30_000)
  expect((await labels.load({ ...school, name: 'gw:{default}:sl:another' }))?.feedback.size).toBe(0)
})

/** Of the call itself, not of what it makes the judge say. */
async function own(it: Setup, question: string) {
  await asking(it, question)
  return it.records.findLast(({ purpose }) => purpose === undefined)
}

/** Judges everything wrong, and never learns from it: only the pair itself is remembered. */
const strict = (mode: 'on' | 'shadow'): GatewayOptions => ({
  policy: {
    cache: {
      exact: false,
      semantic: { mode, threshold: 0.9, errorBudget: 1, judge: { rate: 1, perHour: 36_000 } },
    },
  },
})

test.each(['on', 'shadow'] as const)(
  'a pair that was judged wrong, found in mode %s, is never served again, by any process',
  async (mode) => {
    const redis = await server()
    const first = await setup(
      {
        redis: redis.url,
        metrics: false,
        quota: false,
        deadlines: { redisMs: 2_000 },
        cache: { semantic: { embedder, secret: SECRET } },
        ...strict(mode),
      },
      {},
      judging('NO'),
    )
    open.push({ close: () => first.client.gateway.close() })
    const { baseURL } = first.upstream
    await own(first, ORIGINAL)
    const found = await own(first, REWORDED)
    expect(found?.semantic).toMatchObject({ outcome: 'veto', reason: 'unchecked' })
    const others = [
      await gateway(redis, {}, strict('on'), { baseURL }),
      await gateway(redis, {}, strict('on'), { baseURL }),
    ]
    for (const it of [first, ...others]) {
      await warm(it)
      await it.client.chat.completions.create(ask('Do you have tables made of oak?'))
      for (let again = 0; again < 3; again += 1) {
        const record = await own(it, REWORDED)
        expect(record?.semantic?.entry === found?.semantic?.entry && record?.cache === 'semantic').toBe(false)
      }
    }
    const [key = ''] = await redis.admin.keys('gw:{*}:sw:*')
    expect(await redis.admin.pttl(key)).toBeGreaterThan(0)
    expect(String(await redis.admin.get(key))).toMatch(/^([\w-]{20})+$/)
  },
)

test('what was judged wrong is remembered without Redis, too', async () => {
  const { client, records } = await setup(
    { cache: { semantic: { embedder, secret: SECRET } }, ...strict('on') },
    {},
    judging('NO'),
  )
  const outcomes: (string | undefined)[] = []
  const said: unknown[] = []
  for (const question of [ORIGINAL, REWORDED, REWORDED, REWORDED]) {
    said.push((await client.chat.completions.create(ask(question))).choices[0]?.message.content)
    await client.gateway.flush()
    outcomes.push(records.filter(({ purpose }) => purpose === undefined).at(-1)?.semantic?.outcome)
  }
  expect(outcomes.slice(0, 3)).toEqual(['no-candidate', 'veto', 'hit'])
  // The answer that was judged wrong is never given; its own, which is kept, is.
  expect(said.slice(2)).toEqual([said[1], said[1]])
  expect(said[1]).not.toBe(said[0])
})

test("HotDash's policy, as it ships, serves support nothing by meaning: it tells what it would have", async () => {
  const { client, records, upstream } = await setup({ cache: { semantic: { embedder } } })
  for (const question of [ORIGINAL, REWORDED]) {
    await client.chat.completions.create(ask(question))
    await client.gateway.flush()
  }
  expect(
    upstream.requests.filter(({ text }) => text.includes('"role":"user"') && !text.includes('asked_now')),
  ).toHaveLength(2)
  expect(records.filter(({ purpose }) => purpose === undefined).map(({ cache }) => cache)).toEqual([
    'miss',
    'miss',
  ])
})

test('what may not be shared between equal questions is not shared between similar ones', async () => {
  const options = (cache: object): GatewayOptions => ({
    policy: { cache: { semantic: { mode: 'on', threshold: 0.5, judge: false }, ...cache } },
    cache: { semantic: { embedder, secret: SECRET } },
  })
  const bodies: [object, object, string][] = [
    [{ web_search_options: {} }, {}, 'looks-at-the-world'],
    [{ store: true }, {}, 'stored-upstream'],
    [{}, { sharedBetweenUsers: false }, 'no-user'],
  ]
  for (const [more, cache, reason] of bodies) {
    const { client, records } = await setup(options(cache))
    for (const question of [ORIGINAL, REWORDED]) {
      await client.chat.completions.create({ ...ask(question), ...more })
      await client.gateway.flush()
    }
    expect(records.map(({ cache }) => cache)).toEqual(['bypass', 'bypass'])
    expect(records[1]?.semantic).toMatchObject({ outcome: 'ineligible', reason })
  }
})

test('where users are kept apart, one finds nothing by meaning that another was told, and finds its own', async () => {
  const { client, records } = await setup({
    policy: { cache: { sharedBetweenUsers: false, semantic: { mode: 'on', threshold: 0.9, judge: false } } },
    cache: { semantic: { embedder, secret: SECRET } },
  })
  for (const [question, session] of [
    [ORIGINAL, 'T-1'],
    [REWORDED, 'T-2'],
    [REWORDED, 'T-1'],
  ] as const) {
    await client.chat.completions.create(ask(question), { headers: { 'x-gateway-session': session } })
    await client.gateway.flush()
  }
  expect(records.map(({ cache }) => cache)).toEqual(['miss', 'miss', 'semantic'])
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
