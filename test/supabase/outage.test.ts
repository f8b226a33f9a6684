import { setTimeout as sleep } from 'node:timers/promises'
import type { GatewayOptions } from '@hotdash/llm-gateway'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { allowLog } from '../console.ts'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { ask, setup, until } from '../support.ts'
import { type Fault, type Supabase, startSupabase } from './server.ts'
import { startWriter, type Writer } from './writers.ts'

const SPILL = 'gw:{usage}:spill'
/** How long Supabase is away: a minute where there is time for it, and some seconds otherwise. */
const OUTAGE_MS = Number(process.env.TEST_OUTAGE_SECONDS ?? 4) * 1_000

let supabase: Supabase
let redis: RedisServer
const writers: Writer[] = []
beforeAll(async () => {
  supabase = await startSupabase()
})
afterAll(() => supabase?.close())
beforeEach(async () => {
  await supabase.become('none')
  await supabase.sql('truncate llm_usage')
})
afterEach(async () => {
  await Promise.all(writers.splice(0).map((writer) => writer.kill('SIGKILL')))
  await redis?.close()
})

const NO_LIMITS = { teams: { crowd: { agents: ['writer'] } }, routing: { fallback: false as const } }
const DEADLINES = { redisMs: 1_000, connectMs: 5_000 }
const plain = (): GatewayOptions => ({
  agent: 'writer',
  policy: NO_LIMITS,
  deadlines: DEADLINES,
  redis: redis.url,
})
const direct = (): GatewayOptions => ({
  ...plain(),
  supabase: { url: supabase.url, secretKey: supabase.keys.secret },
})
const viaRedis = (): GatewayOptions => ({ ...plain(), supabase: { via: 'redis' } })

async function writer(name: string, baseURL: string, gateway: GatewayOptions, everyMs?: number) {
  const started = await startWriter({ name, baseURL, gateway, ...(everyMs === undefined ? {} : { everyMs }) })
  writers.push(started)
  return started
}

const written = async () =>
  (await supabase.sql('select request_id from llm_usage order by request_id')).map(({ request_id }) =>
    String(request_id),
  )
const waiting = () => redis.admin.xlen(SPILL)

/** Every call of these processes is in the table, once, and nothing else is, and nothing waits. */
async function expectAll(ids: () => string[], ms = 120_000) {
  const deadline = performance.now() + ms
  for (;;) {
    const rows = await written()
    if (rows.length >= ids().length && (await waiting()) === 0) break
    if (performance.now() > deadline) break
    await sleep(100)
  }
  expect(await written()).toEqual(ids().toSorted())
  expect(await waiting()).toBe(0)
}

test('an outage under load loses no row and doubles none', async () => {
  redis = await startRedis()
  const { upstream } = await setup()
  const crowd = await Promise.all([
    writer('a', upstream.baseURL, direct(), 25),
    writer('b', upstream.baseURL, direct(), 25),
    writer('c', upstream.baseURL, viaRedis(), 25),
  ])
  const ids = () => crowd.flatMap((each) => each.ids)
  await until(() => ids().length > 100, 'calls are made')
  const faults: Fault[] = ['refuse', 'error', 'hang', 'lose']
  for (const fault of faults) {
    await supabase.become(fault)
    await sleep(OUTAGE_MS / faults.length)
  }
  const during = await waiting()
  await supabase.become('none')
  await sleep(1_000)
  await Promise.all(crowd.map((each) => each.stop()))
  await expectAll(ids)
  expect(during).toBeGreaterThan(0)
  expect(new Set(ids()).size).toBe(ids().length)
  const stats = await Promise.all(crowd.map((each) => each.stats()))
  const sinks = stats.map((each) => each.sinks?.supabase)
  expect(sinks).toMatchObject(crowd.map(() => ({ dropped: 0, rejected: 0, queued: 0 })))
  const spilled = sinks.reduce((sum, sink) => sum + (sink?.spilled ?? 0), 0)
  const drained = sinks.reduce((sum, sink) => sum + (sink?.spill?.delivered ?? 0), 0)
  expect(spilled).toBeGreaterThan(0)
  expect(drained).toBeGreaterThanOrEqual(spilled)
})

test('a process that ends during an outage leaves its rows in Redis, and another delivers them', async () => {
  redis = await startRedis()
  const { upstream } = await setup()
  for (const fault of ['refuse', 'hang'] as const) {
    await supabase.become(fault)
    const ending = await writer(fault, upstream.baseURL, direct(), 5)
    await until(() => ending.ids.length > 50, 'calls are made')
    await ending.stop()
    await ending.kill('SIGTERM')
  }
  const ids = writers.flatMap((each) => each.ids)
  expect(await written()).toEqual([])
  expect(await waiting()).toBeGreaterThanOrEqual(ids.length)
  await supabase.become('none')
  await writer('healthy', upstream.baseURL, direct())
  await expectAll(() => ids)
})

test('an agent that writes only to Redis needs no key, and several processes drain at once', async () => {
  redis = await startRedis()
  const { upstream } = await setup()
  const source = await writer('source', upstream.baseURL, viaRedis(), 5)
  await until(() => source.ids.length > 400, 'calls are made')
  await source.stop()
  expect(await waiting()).toBe(source.ids.length)
  expect((await source.stats()).sinks?.supabase).toMatchObject({
    spilled: source.ids.length,
    delivered: 0,
    spill: { waiting: source.ids.length },
  })
  const drains = await Promise.all([1, 2, 3].map((at) => writer(`drain ${at}`, upstream.baseURL, direct())))
  await expectAll(() => source.ids)
  await expect
    .poll(async () => {
      const stats = await Promise.all(drains.map((each) => each.stats()))
      return stats.reduce((sum, { sinks }) => sum + (sinks?.supabase?.spill?.delivered ?? 0), 0)
    })
    .toBe(source.ids.length)
})

test('a process killed after the rows are written and before they are deleted doubles none', async () => {
  allowLog('GW_REDIS_UNAVAILABLE')
  redis = await startRedis()
  const { client, records } = await setup(viaRedis())
  for (let call = 0; call < 20; call += 1) await client.chat.completions.create(ask(`call ${call}`))
  await client.gateway.flush()
  expect(await waiting()).toBe(20)
  await supabase.become('withhold')
  const dying = await writer('dying', 'http://127.0.0.1:1', direct())
  await expect.poll(async () => (await written()).length).toBe(20)
  await dying.kill('SIGKILL')
  expect(await waiting()).toBe(20)
  await supabase.become('none')
  const next = await writer('next', 'http://127.0.0.1:1', direct())
  await expectAll(() => records.map(({ id }) => id))
  expect((await next.stats()).sinks?.supabase?.spill).toMatchObject({ delivered: 20, rejected: 0 })
})
