import type { GatewayOptions } from '@hotdash/llm-gateway'
import { createVectorSetIndex } from '@hotdash/llm-gateway/vector-sets'
import { afterEach, expect, test } from 'vitest'
import { allowLog, allowLogInFile } from '../console.ts'
import { embedder } from '../semantic-embedder.ts'
import { ask, type Setup, setup } from '../support.ts'
import { redis8Binary } from './redis8.ts'
import { type RedisServer, startRedis } from './server.ts'

allowLogInFile('GW_REDIS_UNAVAILABLE')

const binary = redis8Binary()
/** Skipped where there is no Redis 8. */
const withVectorSets = test.skipIf(binary === undefined)

const open: { close: () => unknown }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
})

const ORIGINAL = 'Do you ship the wooden chairs to Norway?'
const REWORDED = 'Do you ship wooden chairs to Norway?'

async function server(program = binary): Promise<RedisServer> {
  const redis = await startRedis([], program)
  open.push(redis)
  return redis
}

async function gateway(redis: RedisServer, client: object = {}, more: GatewayOptions = {}): Promise<Setup> {
  const it = await setup(
    {
      redis: redis.url,
      metrics: false,
      quota: false,
      deadlines: { redisMs: 2_000 },
      policy: { cache: { semantic: { mode: 'on', threshold: 0.9, judge: false } } },
      cache: {
        semantic: { embedder, secret: 'shared by all processes', index: createVectorSetIndex() },
      },
      ...more,
    },
    client,
  )
  open.push({ close: () => it.client.gateway.close() })
  return it
}

async function asking({ client, records }: Setup, question: string) {
  await client.chat.completions.create(ask(question))
  await client.gateway.flush()
  return records.at(-1)
}

const entries = ({ admin }: RedisServer) => admin.keys('gw:{*}:s:*:*[^v]')

withVectorSets(
  'what one process was answered, another finds by meaning at once, by two commands',
  async () => {
    const redis = await server()
    const one = await gateway(redis)
    const other = await gateway(redis, { baseURL: one.upstream.baseURL })
    expect(await asking(one, ORIGINAL)).toMatchObject({
      cache: 'miss',
      semantic: { outcome: 'no-candidate' },
    })
    expect(await asking(other, REWORDED)).toMatchObject({ cache: 'semantic', semantic: { outcome: 'hit' } })
    for (const key of await redis.admin.keys('gw:*:s:*'))
      expect(await redis.admin.pttl(key)).toBeGreaterThan(0)
  },
)

withVectorSets('what was deleted, changed, or stands in another place, is not given', async () => {
  const redis = await server()
  for (const spoil of [
    (key: string) => redis.admin.unlink(key),
    (key: string) => redis.admin.setrange(key, 60, 'xxxx'),
    (key: string) => redis.admin.set(key, ''),
    async (key: string) => {
      await redis.admin.unlink(key)
      await redis.admin.lpush(key, 'x')
    },
  ]) {
    await redis.admin.flushall()
    const it = await gateway(redis)
    await asking(it, ORIGINAL)
    for (const key of await entries(redis)) await spoil(key)
    expect(await asking(it, REWORDED)).toMatchObject({ cache: 'miss', status: 'ok' })
  }
})

withVectorSets('an entry whose time has come is not given, though the set still has it', async () => {
  const redis = await server()
  const it = await gateway(redis)
  await asking(it, ORIGINAL)
  const [key = ''] = await entries(redis)
  const at = key.lastIndexOf(':')
  await redis.admin.call('VSETATTR', `${key.slice(0, at)}:v`, key.slice(at + 1), '{"e":1000}')
  expect((await asking(it, REWORDED))?.cache).toBe('miss')
})

withVectorSets(
  'strangers in the set, a list in its place, vectors of another length: plain misses',
  async () => {
    allowLog('GW_SEMANTIC_STORE_ERROR')
    const redis = await server()
    const it = await gateway(redis)
    await asking(it, ORIGINAL)
    const [key = ''] = await entries(redis)
    const set = `${key.slice(0, key.lastIndexOf(':'))}:v`
    const values = Array.from({ length: 512 }, (_, at) => (at === 3 ? 1 : 0.01))
    for (let at = 0; at < 50; at += 1) {
      const attributes = ['SETATTR', '{"e":9e15}']
      await redis.admin.call('VADD', set, 'VALUES', 512, ...values, `../../stranger ${at}`, ...attributes)
    }
    expect((await asking(it, REWORDED))?.cache).toBe('semantic')
    await redis.admin.unlink(set)
    await redis.admin.call('VADD', set, 'VALUES', 2, 1, 1, 'short')
    expect((await asking(it, `${REWORDED} Thanks!`))?.cache).toBe('miss')
    await redis.admin.unlink(set)
    await redis.admin.lpush(set, 'x')
    expect(await asking(it, 'Do you ship the wooden chairs to Norway, please?')).toMatchObject({
      cache: 'miss',
      status: 'ok',
    })
  },
)

withVectorSets('an admin lists, inspects, pins, unpins and removes', async () => {
  const redis = await server()
  const it = await gateway(redis)
  await asking(it, ORIGINAL)
  const admin = it.client.gateway.semantic
  const [entry] = (await admin?.list({})) ?? []
  expect(entry).toMatchObject({ question: ORIGINAL, pinned: false, hits: 0 })
  const key = entry?.key ?? ''
  expect(await admin?.pin(key)).toBe(true)
  expect(await admin?.inspect(key)).toMatchObject({ pinned: true })
  expect(await redis.admin.pttl(key)).toBeGreaterThan(300 * 86_400_000)
  expect((await asking(it, REWORDED))?.cache).toBe('semantic')
  expect(await admin?.inspect(key)).toMatchObject({ hits: 1 })
  expect(await admin?.pin(key, false)).toBe(true)
  expect(await redis.admin.pttl(key)).toBeLessThan(8 * 86_400_000)
  expect(await admin?.remove({ key })).toBe(1)
  expect((await asking(it, REWORDED))?.cache).toBe('miss')
})

withVectorSets.each(['kill', 'pause'] as const)('after a %s questions are plain misses', async (fault) => {
  const redis = await server()
  const it = await gateway(redis, {}, { deadlines: { redisMs: 100 } })
  await asking(it, ORIGINAL)
  await redis[fault]()
  expect(await asking(it, REWORDED)).toMatchObject({ cache: 'miss', status: 'ok' })
})

test('a Redis without vector sets, and none at all, make plain misses', async () => {
  allowLog('GW_SEMANTIC_STORE_ERROR')
  const redis = await startRedis()
  open.push(redis)
  const older = await gateway(redis)
  const alone = await gateway(redis, {}, { redis: false })
  for (const it of [older, alone])
    for (const question of [ORIGINAL, REWORDED])
      expect(await asking(it, question)).toMatchObject({ cache: 'miss', status: 'ok' })
})
