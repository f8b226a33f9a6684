import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CHANNEL, createLeases, LEASE_MS, type Leases, type Outcome } from '#src/coalesce/lease.ts'
import { createRedisConnection, type RedisConnection } from '#src/redis/connection.ts'
import { runs } from '../runs.ts'
import { type RedisServer, startRedis } from './server.ts'

let redis: RedisServer
let link: RedisConnection
let leases: Leases
beforeAll(async () => {
  redis = await startRedis()
  link = createRedisConnection(redis.url, { deadlineMs: 5_000, connectMs: 5_000, onChange: () => {} })
  leases = createLeases(link)
})
afterAll(async () => {
  link.close()
  await redis.close()
})

const KEY = 'gw:{a}:flight:x'
const OUTCOMES = ['kept', 'unfit', 'failed', 'left'] as const satisfies Outcome[]

type Step = { do: 'take'; token: string } | { do: 'end'; token: string; outcome: Outcome } | { do: 'expire' }

const token = fc.constantFrom('one', 'two', 'three')
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('take' as const), token }),
    fc.record({ do: fc.constant('end' as const), token, outcome: fc.constantFrom(...OUTCOMES) }),
    fc.record({ do: fc.constant('expire' as const) }),
  ),
  { maxLength: 20 },
)

test('a lease has one holder at any order of takes, ends and expiries, and only its holder ends it', async () => {
  const ear = redis.admin.duplicate()
  const heard: string[] = []
  ear.on('message', (_, message: string) => heard.push(message))
  await ear.subscribe(CHANNEL)
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      await redis.admin.del(KEY)
      let held: string | undefined
      for (const step of steps) {
        if (step.do === 'expire') {
          await redis.admin.del(KEY)
          held = undefined
        } else if (step.do === 'take') {
          const standing = await leases.take(KEY, step.token)
          const over = OUTCOMES.find((outcome) => outcome === held)
          if (held === undefined) expect(standing).toEqual({ type: 'ours' })
          else if (over !== undefined) expect(standing).toEqual({ type: 'over', outcome: over })
          else expect(standing).toEqual({ type: 'held', token: held })
          held ??= step.token
        } else if (step.do === 'end') {
          const before = heard.length
          leases.hold(KEY, step.token).end(step.outcome)
          await leases.settled()
          await redis.admin.publish(CHANNEL, 'end of this step')
          await expect.poll(() => heard.at(-1), { interval: 1 }).toBe('end of this step')
          const told = heard.splice(before).slice(0, -1)
          const ends = held === undefined || held === step.token
          expect(told).toEqual(ends ? [`${KEY} ${step.token} ${step.outcome}`] : [])
          if (ends) held = step.outcome === 'left' ? undefined : step.outcome
        }
        expect((await redis.admin.get(KEY)) ?? undefined).toBe(held)
        if (held !== undefined) expect(await redis.admin.pttl(KEY)).toBeGreaterThan(0)
      }
    }),
    { numRuns: runs(60) },
  )
  ear.disconnect()
})

test('a lease that was flushed is taken again by its holder, unless another one has it', async () => {
  for (const other of [undefined, 'another']) {
    await redis.admin.del(KEY)
    await leases.take(KEY, 'one')
    const lease = leases.hold(KEY, 'one')
    await redis.admin.flushall()
    if (other !== undefined) await redis.admin.set(KEY, other, 'PX', 10 * LEASE_MS)
    await redis.admin.config('RESETSTAT')
    await expect
      .poll(async () => await redis.admin.info('commandstats'), { timeout: 3 * LEASE_MS })
      .toMatch(/cmdstat_eval/)
    await expect.poll(async () => await redis.admin.get(KEY), { timeout: 10 * LEASE_MS }).toBe(other ?? 'one')
    lease.end('left')
    await leases.settled()
    expect(await redis.admin.get(KEY)).toBe(other ?? null)
  }
})
