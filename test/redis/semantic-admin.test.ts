import { gatewayOptions, type SemanticAdmin } from '@hotdash/llm-gateway'
import { afterEach, describe, expect, test } from 'vitest'
import { allowLog } from '../console.ts'
import { embedder } from '../semantic-embedder.ts'
import { ask, type Setup, setup } from '../support.ts'
import { type RedisServer, startRedis } from './server.ts'

const open: { close: () => unknown }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
})

const ORIGINAL = 'Do you ship the wooden chairs to Norway?'
const REWORDED = 'Do you ship wooden chairs to Norway?'

type Place = { url?: string; baseURL?: string; ttlSeconds?: number }

async function gateway({ url, baseURL, ttlSeconds = 600 }: Place): Promise<Setup & { admin: SemanticAdmin }> {
  const it = await setup(
    {
      redis: url ?? false,
      metrics: false,
      quota: false,
      deadlines: { redisMs: 2_000 },
      policy: {
        cache: { exact: false, semantic: { mode: 'on', threshold: 0.9, judge: false, ttlSeconds } },
      },
      cache: { semantic: { embedder, secret: 'shared by all processes' } },
    },
    baseURL === undefined ? {} : { baseURL },
  )
  open.push({ close: () => it.client.gateway.close() })
  const { semantic } = it.client.gateway
  if (semantic === undefined) throw new Error('there is no semantic cache')
  return { ...it, admin: semantic }
}

async function asking({ client, records }: Setup, question: string, agent = 'support') {
  await client.chat.completions.create(ask(question), gatewayOptions({ agent }))
  await client.gateway.flush()
  return records.at(-1)
}

async function server(): Promise<RedisServer> {
  const redis = await startRedis()
  open.push(redis)
  return redis
}

describe.each(['in this process', 'in Redis'])('entries %s', (where) => {
  const place = async (): Promise<Place> => (where === 'in Redis' ? { url: (await server()).url } : {})

  test('the record of a hit names the entry, which can be inspected: question, answer, model, age, hits', async () => {
    const it = await gateway(await place())
    await asking(it, ORIGINAL)
    const before = Date.now()
    const record = await asking(it, REWORDED)
    expect(record).toMatchObject({ cache: 'semantic' })
    const entry = await it.admin.inspect(record?.semantic?.entry ?? '')
    expect(entry).toMatchObject({
      key: record?.semantic?.entry,
      team: 'default',
      agent: 'support',
      question: ORIGINAL,
      pinned: false,
      hits: 1,
    })
    expect(entry?.model).toContain('gpt-4o-mini')
    expect(JSON.parse(entry?.answer ?? '{}')).toHaveProperty('choices')
    expect(entry?.storedAt).toBeLessThanOrEqual(before)
    expect(entry?.expiresAt).toBeGreaterThan(before)
    await asking(it, REWORDED)
    expect((await it.admin.list({}))[0]?.hits).toBe(2)
    expect(await it.admin.inspect('gw:{default}:s:nothing:of:that:name')).toBeUndefined()
  })

  test('entries are listed and removed by agent, by team, by model, by key', async () => {
    const it = await gateway(await place())
    await asking(it, ORIGINAL)
    await asking(it, ORIGINAL, 'seo')
    expect(await it.admin.list({})).toHaveLength(2)
    expect(await it.admin.list({}, 1)).toHaveLength(1)
    expect((await it.admin.list({ agent: 'seo' })).map(({ agent }) => agent)).toEqual(['seo'])
    expect(await it.admin.list({ team: 'another' })).toEqual([])
    expect(await it.admin.remove({ model: 'another' })).toBe(0)
    expect(await it.admin.remove({ agent: 'seo' })).toBe(1)
    const [{ key } = { key: '' }] = await it.admin.list({})
    expect(await it.admin.remove({ key })).toBe(1)
    expect(await it.admin.remove({ key })).toBe(0)
    expect((await asking(it, REWORDED))?.cache).toBe('miss')
  })

  test('a pinned entry outlives its time and is not replaced; unpinned, it goes when its time has come', async () => {
    const it = await gateway({ ...(await place()), ttlSeconds: 1 })
    await asking(it, ORIGINAL)
    const [{ key, storedAt } = { key: '', storedAt: 0 }] = await it.admin.list({})
    expect(await it.admin.pin(key)).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    expect(await asking(it, REWORDED)).toMatchObject({ cache: 'semantic', semantic: { entry: key } })
    await it.client.chat.completions.create(ask(ORIGINAL), gatewayOptions({ cache: { noCache: true } }))
    await it.client.gateway.flush()
    expect(await it.admin.inspect(key)).toMatchObject({ pinned: true, storedAt })
    expect(await it.admin.pin(key, false)).toBe(true)
    expect((await asking(it, REWORDED))?.cache).toBe('miss')
    expect(await it.admin.inspect(key)).toBeUndefined()
    expect(await it.admin.pin(key)).toBe(false)
  })

  test('unpinned before its time, an entry is as it was', async () => {
    const it = await gateway(await place())
    await asking(it, ORIGINAL)
    const [entry] = await it.admin.list({})
    await it.admin.pin(entry?.key ?? '')
    await it.admin.pin(entry?.key ?? '', false)
    expect(await it.admin.list({})).toEqual([entry])
    expect((await asking(it, REWORDED))?.cache).toBe('semantic')
  })
})

test('what one process pins, another keeps and does not replace', async () => {
  const { url } = await server()
  const one = await gateway({ url, ttlSeconds: 2 })
  const other = await gateway({ url, baseURL: one.upstream.baseURL, ttlSeconds: 2 })
  await asking(one, ORIGINAL)
  await asking(other, 'Which woods do you use for tables?')
  const key = (await one.admin.list({})).find(({ question }) => question === ORIGINAL)?.key ?? ''
  await one.admin.pin(key)
  await new Promise((resolve) => setTimeout(resolve, 2_200))
  await other.client.chat.completions.create(ask(ORIGINAL), gatewayOptions({ cache: { noCache: true } }))
  await other.client.gateway.flush()
  expect(await one.admin.inspect(key)).toMatchObject({ pinned: true })
  expect(await asking(other, REWORDED)).toMatchObject({ cache: 'semantic', semantic: { entry: key } })
})

test('admins are told when Redis is away; callers are not', async () => {
  allowLog('GW_REDIS_UNAVAILABLE')
  const redis = await server()
  const it = await gateway({ url: redis.url })
  await asking(it, ORIGINAL)
  await redis.kill()
  for (const work of [
    it.admin.list({}),
    it.admin.inspect(`gw:{default}:s:${'x'.repeat(24)}:${'x'.repeat(20)}`),
  ])
    await expect(work).rejects.toMatchObject({ name: 'RedisUnavailable' })
  expect(await asking(it, REWORDED)).toMatchObject({ status: 'ok' })
})
