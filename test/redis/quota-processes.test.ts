import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Left, startFleet, total, worstSpan } from './fleet/fleet.ts'
import type { Job } from './fleet/worker.ts'
import { limits, usd } from './quota-kit.ts'
import { type RedisServer, startRedis } from './server.ts'

/** Eight processes, each with four callers. QUOTA_SECONDS=150 makes windows slide; a few seconds find races. */
const SIZE = 8
const SECONDS = Number(process.env.QUOTA_SECONDS ?? 1)
/** In longer runs the window slides, and nothing is ever used up. */
const exhausts = SECONDS < 20
const TIMEOUT = 60_000 + SECONDS * 2_000

let server: RedisServer
let fleet: Awaited<ReturnType<typeof startFleet>>
beforeAll(async () => {
  server = await startRedis()
  fleet = await startFleet(server.url, SIZE)
})
afterAll(async () => {
  fleet.close()
  await server.close()
})

const job = (team: string, some: Partial<Job>): Job => ({
  team,
  limits: limits({}),
  seconds: SECONDS,
  calls: 4,
  callMs: 20,
  worstCost: 100,
  maxTokens: 100,
  leaseMs: 900_000,
  ...some,
})

const requests = () => 1
const cost = ({ cost }: Left) => cost
const tokens = ({ tokens }: Left) => tokens

const after = (part: number) => sleep(SECONDS * 1_000 * part)

test('requests: no 60 seconds hold more than rpm, and none is left unused', {
  timeout: TIMEOUT,
}, async () => {
  const outcome = await fleet.hammer(
    job('requests', { exhausts, limits: limits({ rpm: 200 }) }),
    async () => {
      await after(0.3)
      await server.admin.script('FLUSH')
    },
  )
  expect(worstSpan(outcome.calls, requests)).toBe(200)
  expect(outcome.done.map(({ stats }) => [stats.alone, stats.errors, stats.queued])).toEqual(
    outcome.done.map(() => [0, 0, 0]),
  )
})

test('dollars: never a billionth more than the cap, and never more than one call less', {
  timeout: TIMEOUT,
}, async () => {
  const cap = 20_001
  const outcome = await fleet.hammer(job('dollars', { exhausts, limits: limits({ usdPerDay: usd(cap) }) }))
  expect(total(outcome.calls, cost)).toBeLessThanOrEqual(cap)
  expect(total(outcome.calls, cost)).toBeGreaterThan(cap - 100)
})

test('strict tokens: no 60 seconds hold more than tpm', { timeout: TIMEOUT }, async () => {
  const outcome = await fleet.hammer(job('tokens', { exhausts, limits: limits({ tpm: 10_000 }) }))
  expect(worstSpan(outcome.calls, tokens)).toBeLessThanOrEqual(10_000)
  expect(worstSpan(outcome.calls, tokens)).toBeGreaterThan(9_800)
})

test('expected tokens: a span is passed by no more than what calls in flight ran over', {
  timeout: TIMEOUT,
}, async () => {
  const some = { limits: limits({ tpm: 10_000, tpmMode: 'expected' as const }), maxTokens: 400 }
  const outcome = await fleet.hammer(job('expected', some))
  // 32 in flight, each at most 400 beyond an expectation of at least 0.
  expect(worstSpan(outcome.calls, tokens)).toBeLessThanOrEqual(10_000 + 32 * 400)
})

test('flushed at full speed: the window and the day are brought back by those who were there', {
  timeout: TIMEOUT,
}, async () => {
  const bound = limits({ rpm: 400, usdPerDay: usd(60_000) })
  const outcome = await fleet.hammer(job('flushed', { limits: bound }), async () => {
    await after(0.1)
    await server.admin.flushall()
    await after(0.2)
    await server.admin.flushall()
  })
  // What was admitted between the last word that the first one to ask had heard and the flush: at most its flight.
  expect(worstSpan(outcome.calls, requests)).toBeLessThanOrEqual(400 + 2 * SIZE * 4)
  expect(total(outcome.calls, cost)).toBeLessThanOrEqual(60_000)
})

test('flushed with the budget nearly spent: what is passed is no more than a flight', {
  timeout: TIMEOUT,
}, async () => {
  const cap = 15_000
  const outcome = await fleet.hammer(job('broke', { limits: limits({ usdPerDay: usd(cap) }) }), async () => {
    await after(0.3)
    await server.admin.flushall()
  })
  expect(total(outcome.calls, cost)).toBeLessThanOrEqual(cap + SIZE * 4 * 100)
})

test('killed and restarted empty: processes count by their shares meanwhile', {
  timeout: TIMEOUT,
}, async () => {
  const outcome = await fleet.hammer(
    job('restarted', { limits: limits({ rpm: 400, usdPerDay: usd(60_000) }) }),
    async () => {
      await after(0.1)
      await server.kill()
      await after(0.4)
      await server.restart()
    },
  )
  expect(worstSpan(outcome.calls, requests)).toBeLessThanOrEqual(400 + 2 * SIZE * 4)
  expect(total(outcome.calls, cost)).toBeLessThanOrEqual(60_000)
  expect(outcome.done.map(({ stats }) => stats.dropped)).toEqual(outcome.done.map(() => 0))
})

test('kill -9 of two in mid-call: their holds end with the lease, and the others go on', {
  timeout: TIMEOUT,
}, async () => {
  const some = { limits: limits({ rpm: 1_000, usdPerDay: usd(15_000) }), callMs: 200, leaseMs: 1_000 }
  const outcome = await fleet.hammer(job('killed', some), async () => {
    await after(0.4)
    await fleet.kill(2)
  })
  expect(outcome.done).toHaveLength(SIZE - 2)
  expect(total(outcome.calls, cost)).toBeLessThanOrEqual(15_000)
  expect(worstSpan(outcome.calls, requests)).toBeLessThanOrEqual(1_000)
  // After the lease no hold remains, and all dollars but the unconfirmed ones are free.
  await sleep(2_100)
  const [held] = await server.admin.hmget('gw:{killed}:quota', 'held')
  const later = await fleet.hammer(
    job('killed', { ...some, limits: limits({ rpm: 10_000, usdPerDay: usd(60_000) }), seconds: 1 }),
  )
  expect(held).not.toBeNull()
  expect(later.calls.length).toBeGreaterThan(0)
  expect(total([...outcome.calls, ...later.calls], cost)).toBeLessThanOrEqual(60_000)
})
