import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { NanoUsd } from '#src/core/money.ts'
import { DEFAULT_WHILE_UNAVAILABLE, type Limits } from '#src/core/team-limits.ts'
import { createWorld } from './partition.ts'
import { type Op, spent, worstMinute } from './partition-calls.ts'
import { limits } from './quota-kit.ts'
import { brisk, CAP, crossing, faulty, LARGE, process_, quiet, RPM, RUNS, TIMEOUT } from './schedules.ts'
import { type RedisServer, startRedis } from './server.ts'

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.close())

const DOLLARS = { usdPerDay: CAP as NanoUsd }
const REQUESTS = { rpm: RPM, tpm: 100_000 }

let worlds = 0
function newWorld(processes: number, bound: Partial<Limits>, leased: number) {
  worlds += 1
  const world = createWorld(
    redis.admin,
    `reports ${worlds}`,
    limits({ ...bound, whileUnavailable: { ...DEFAULT_WHILE_UNAVAILABLE, leased } }),
  )
  for (let at = 0; at < processes; at += 1) world.join()
  return world
}

type World = ReturnType<typeof newWorld>

/** Plays each schedule in a world of its own. `seen` counts over all of them. */
async function play(
  ops: fc.Arbitrary<Op>,
  newOne: (processes: number) => World,
  check: (world: World, last: number) => unknown,
  most = 5,
): Promise<{ leased: number; calls: number }> {
  const seen = { leased: 0, calls: 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: most }),
      fc.array(ops, { minLength: 20, maxLength: 60 }),
      process_,
      async (size, ops, last) => {
        const world = newOne(size)
        try {
          // Each has heard of the others before anything fails.
          for (let at = 0; at < 2 * size; at += 1)
            await world.step({ do: 'burst', process: at, calls: 1, worst: 1 })
          for (const op of ops) await world.step(op)
          await check(world, last)
          seen.leased += world.stats().reduce((sum, { leased }) => sum + leased, 0)
          seen.calls += world.log().length
        } finally {
          await world.close()
        }
      },
    ),
    { numRuns: RUNS, endOnFailure: Boolean(process.env.FUZZ_FAST) },
  )
  return seen
}

test('whatever is cut, lost, late or killed between calls without asking, neither the day nor the minute holds more', {
  timeout: TIMEOUT,
}, async () => {
  const seen = await play(
    brisk(faulty.filter((op) => op.do !== 'join')),
    (size) => newWorld(size, size % 2 === 0 ? DOLLARS : REQUESTS, LARGE),
    (world) => {
      if (world.members() % 2 === 0) expect(spent(world.log())).toBeLessThanOrEqual(CAP)
      else expect(worstMinute(world.log())).toBeLessThanOrEqual(RPM)
    },
  )
  expect(seen.leased).toBeGreaterThan(seen.calls / 10)
})

test('a process that was not heard keeps what it used and what it holds: others get only the rest', async () => {
  const world = newWorld(3, REQUESTS, LARGE)
  try {
    for (let at = 0; at < 6; at += 1) await world.step({ do: 'burst', process: at, calls: 1, worst: 1 })
    await world.step({ do: 'reset', process: 0, isExecuted: false })
    await world.step({ do: 'hold', process: 0 })
    // Some go by its lease, the rest waits; the first command that arrives brings a new lease.
    await world.step({ do: 'burst', process: 0, calls: RPM, worst: 1 })
    await world.step({ do: 'deliver', process: 0, commands: 1 })
    await world.step({ do: 'burst', process: 1, calls: RPM, worst: 1 })
    await world.step({ do: 'cut', process: 0 })
    expect(world.log().length).toBe(RPM)
  } finally {
    await world.close()
  }
})

/** Takes all that there is: through Redis, and then of each lease. */
async function drain(world: World): Promise<void> {
  for (const apart of [false, true])
    for (let process = 0; process < world.members(); process += 1) {
      if (apart) await world.step({ do: 'cut', process })
      for (const worst of [20, 5, 1]) await world.step({ do: 'burst', process, calls: RPM, worst })
    }
}

test('commands that cross each other: what all have and may take, through Redis and of their leases, is no more than the cap', {
  timeout: TIMEOUT,
}, async () => {
  const seen = await play(
    crossing,
    (size) => newWorld(size, size % 2 === 0 ? DOLLARS : REQUESTS, LARGE),
    async (world) => {
      await drain(world)
      if (world.members() % 2 === 0) expect(spent(world.log())).toBeLessThanOrEqual(CAP)
      else expect(worstMinute(world.log())).toBeLessThanOrEqual(RPM)
    },
    3,
  )
  expect(seen.leased).toBeGreaterThan(seen.calls / 10)
})

test('once everything is told, the books hold what was spent to the billionth, whatever was lost on the way', {
  timeout: TIMEOUT,
}, async () => {
  const seen = await play(
    brisk(faulty.filter((op) => op.do !== 'kill')),
    (size) => newWorld(size, DOLLARS, LARGE),
    async (world) => {
      await world.rest(0.3)
      const total = spent(world.log())
      if (total > 0) expect(await world.books()).toEqual({ spent: total, doubt: 0, held: 0, inherited: 0 })
    },
  )
  expect(seen.leased).toBeGreaterThan(seen.calls / 10)
})

test('nothing fails, and the load is skewed: at least 95 % of the cap can be used by whichever process wants it last', {
  timeout: TIMEOUT,
}, async () => {
  await play(
    quiet,
    (size) => newWorld(size, DOLLARS, DEFAULT_WHILE_UNAVAILABLE.leased),
    async (world, last) => {
      await world.rest(0.5)
      for (let worst = 32; worst >= 1; worst /= 2)
        await world.step({ do: 'burst', process: last, calls: Math.ceil(CAP / worst), worst })
      expect(spent(world.log())).toBeLessThanOrEqual(CAP)
      expect(spent(world.log())).toBeGreaterThanOrEqual(0.95 * CAP)
    },
  )
})

test('30 requests a minute over 8 processes: 29 or 30 are admitted, however the load is spread', {
  timeout: TIMEOUT,
}, async () => {
  const calls = fc.record({
    do: fc.constant('burst' as const),
    process: fc.nat(7),
    calls: fc.nat(3),
    worst: fc.constant(1),
  })
  const told = fc.record({ do: fc.constant('tell' as const), process: fc.nat(7) })
  await play(
    fc.oneof<fc.Arbitrary<Op>[]>(calls, calls, told),
    () => newWorld(8, { rpm: 30 }, DEFAULT_WHILE_UNAVAILABLE.leased),
    async (world, last) => {
      await world.step({ do: 'burst', process: last, calls: 30, worst: 1 })
      expect(world.log().length).toBeGreaterThanOrEqual(29)
      expect(world.log().length).toBeLessThanOrEqual(30)
    },
    1,
  )
})

test('a reservation that is sent again over a new connection is taken from the lease once', async () => {
  const world = newWorld(1, DOLLARS, 0.05)
  const call = { do: 'burst', process: 0, calls: 1, worst: 5 } as const
  const ask: Op[] = [{ do: 'wait', ms: 1_500 }, call]
  for (let at = 0; at < 5; at += 1) {
    await world.step({ do: 'reset', process: 0, isExecuted: at % 2 === 0 })
    for (const op of ask) await world.step(op)
  }
  const leased = () => world.stats()[0]?.leased ?? 0
  for (const op of ask) await world.step(op)
  const before = leased()
  await world.step(call)
  expect(leased()).toBe(before + 1)
  await world.close()
})
