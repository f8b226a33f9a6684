import type { GatewayOptions } from '@hotdash/llm-gateway'
import { Redis as Redis5 } from 'ioredis5'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { allowLog } from '../console.ts'
import { type RedisServer, startCluster, startRedis } from '../redis/server.ts'
import { ask, type Setup, setup, until } from '../support.ts'
import { type Supabase, startSupabase } from './server.ts'

const SPILL = 'gw:{usage}:spill'

let supabase: Supabase
let redis: RedisServer
const made: Setup[] = []
beforeAll(async () => {
  supabase = await startSupabase()
})
afterAll(() => supabase?.close())
beforeEach(async () => {
  vi.spyOn(console, 'warn').mockReturnValue()
  await supabase.become('none')
  await supabase.sql('truncate llm_usage')
})
afterEach(async () => {
  await Promise.all(made.splice(0).map(({ client }) => client.gateway.close()))
  await redis?.close()
  vi.restoreAllMocks()
})

async function gateway(options: NonNullable<GatewayOptions['supabase']> = {}, address = redis.url) {
  const at = { url: supabase.url, secretKey: supabase.keys.secret }
  const it = await setup({
    redis: address,
    cache: false,
    quota: false,
    // The little room of a full Redis is for rows alone.
    livePolicy: false,
    deadlines: { redisMs: 500 },
    supabase: { ...at, ...options },
  })
  made.push(it)
  return it
}
type It = Awaited<ReturnType<typeof gateway>>

const calls = async ({ client }: It, count: number) => {
  for (let call = 0; call < count; call += 1) await client.chat.completions.create(ask(`call ${call}`))
  await client.gateway.flush()
}
const sinkOf = ({ client }: It) => client.gateway.stats().sinks?.supabase
const ids = async () =>
  (await supabase.sql('select request_id from llm_usage order by request_id')).map((row) => row.request_id)
async function expectAll({ records }: It) {
  const all = records.map(({ id }) => id).toSorted()
  await expect.poll(ids, { interval: 100 }).toEqual(all)
  await expect.poll(() => redis.admin.xlen(SPILL)).toBe(0)
}

const fill = async () => {
  const junk = 'x'.repeat(1_000)
  for (let at = 0; ; at += 1) {
    const full = await redis.admin.set(`junk:${at}`, junk).then(
      () => false,
      () => true,
    )
    if (full) return
  }
}

test('what is put by has a bound and an end; the rest waits in the process', async () => {
  redis = await startRedis()
  const it = await gateway({ maxSpilled: 10 })
  await supabase.become('refuse')
  await calls(it, 30)
  expect(sinkOf(it)).toMatchObject({ spilled: 10, queued: 20, dropped: 0, spill: { waiting: 10 } })
  expect(sinkOf(it)?.lastError).toMatch(/no answer .*; there is no room left in Redis/)
  expect(await redis.admin.xlen(SPILL)).toBe(10)
  expect(await redis.admin.pttl(SPILL)).toBeGreaterThan(6 * 24 * 3_600_000)
  await supabase.become('none')
  await expectAll(it)
  await expect
    .poll(() => sinkOf(it))
    .toMatchObject({ queued: 0, dropped: 0, rejected: 0, spill: { rejected: 0 } })
})

test('a full Redis takes no rows; they wait in the process', async () => {
  redis = await startRedis(['--maxmemory', '3mb', '--maxmemory-policy', 'noeviction'])
  const it = await gateway()
  await fill()
  await supabase.become('refuse')
  await calls(it, 30)
  await until(
    () => /Redis does not take them: OOM/.test(sinkOf(it)?.lastError ?? ''),
    'Redis refuses the rows',
  )
  expect(sinkOf(it)).toMatchObject({ spilled: 0, queued: 30, dropped: 0 })
  await supabase.become('none')
  await expectAll(it)
})

test('rows are taken out of a Redis that has become full', async () => {
  redis = await startRedis(['--maxmemory', '3mb', '--maxmemory-policy', 'noeviction'])
  const it = await gateway()
  await supabase.become('refuse')
  await calls(it, 30)
  expect(sinkOf(it)).toMatchObject({ spilled: 30, queued: 0 })
  await fill()
  await supabase.become('none')
  await expectAll(it)
})

test('with Supabase and Redis both gone rows wait in the process, and arrive through whichever is back first', async () => {
  allowLog('GW_REDIS_BACK', 'GW_SINK_BACK')
  redis = await startRedis()
  const it = await gateway()
  await calls(it, 5)
  await supabase.become('refuse')
  await redis.kill()
  await calls(it, 20)
  await calls(it, 20)
  expect(sinkOf(it)).toMatchObject({ delivered: 5, spilled: 0, queued: 40, dropped: 0 })
  await redis.restart()
  await until(() => sinkOf(it)?.queued === 0, 'the rows are put by')
  expect(sinkOf(it)).toMatchObject({ spilled: 40 })
  await supabase.become('none')
  await expectAll(it)
})

test('a Redis that hangs delays no call', async () => {
  allowLog('GW_REDIS_BACK', 'GW_REDIS_UNAVAILABLE')
  redis = await startRedis()
  const it = await gateway()
  await calls(it, 5)
  await supabase.become('refuse')
  redis.pause()
  await calls(it, 10)
  await calls(it, 10)
  expect(sinkOf(it)).toMatchObject({ queued: 20, dropped: 0, spilled: 0 })
  await supabase.become('none')
  await until(() => sinkOf(it)?.queued === 0, 'the rows are delivered')
  redis.resume()
  await expectAll(it)
})

test('what is no row is taken out and counted, and the others arrive', async () => {
  redis = await startRedis()
  await redis.admin.rpush(SPILL, 'a list under our key')
  const it = await gateway()
  await supabase.become('refuse')
  await calls(it, 3)
  await redis.admin.xadd(SPILL, '*', 'row', 'no JSON')
  await redis.admin.xadd(SPILL, '*', 'row', '{"no":"id"}')
  await redis.admin.xadd(SPILL, '*', 'other', 'x')
  await redis.admin.set(`${SPILL}:lease`, 'somebody who is gone', 'PX', 500)
  await supabase.become('none')
  await expectAll(it)
  await expect.poll(() => sinkOf(it)?.spill).toEqual({ waiting: 0, delivered: 3, rejected: 3 })
})

test('a row that the table refuses is not in the way of the others', async () => {
  redis = await startRedis()
  const it = await gateway({ via: 'redis' })
  await calls(it, 3)
  const good = JSON.parse((await redis.admin.xrange(SPILL, '-', '+'))[0]?.[1][1] ?? '{}')
  await redis.admin.xadd(
    SPILL,
    '*',
    'row',
    JSON.stringify({ ...good, request_id: 'bad', latency_ms: 'soon' }),
  )
  await calls(it, 3)
  const drain = await gateway()
  await expectAll(it)
  await expect.poll(() => sinkOf(drain)?.spill).toEqual({ waiting: 0, delivered: 6, rejected: 1 })
})

test('a cluster is as good as one server', async () => {
  const cluster = await startCluster()
  try {
    const it = await gateway({}, cluster.url)
    await supabase.become('refuse')
    await calls(it, 20)
    expect(sinkOf(it)).toMatchObject({ spilled: 20, queued: 0, spill: { waiting: 20 } })
    await supabase.become('none')
    await expect.poll(async () => (await ids()).length).toBe(20)
    await expect.poll(() => sinkOf(it)?.spill).toEqual({ waiting: 0, delivered: 20, rejected: 0 })
  } finally {
    await cluster.close()
  }
})

test('gateways of two versions of ioredis drain the same stream', async () => {
  redis = await startRedis()
  const borrowed = new Redis5(redis.url)
  const it = await setup({ redis: borrowed as never, cache: false, quota: false, supabase: { via: 'redis' } })
  made.push(it)
  await calls(it, 10)
  expect(sinkOf(it)).toMatchObject({ spilled: 10 })
  await gateway()
  await expectAll(it)
  borrowed.disconnect()
})
