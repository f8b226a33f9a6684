import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { NanoUsd } from '#src/core/money.ts'
import { DEFAULT_WHILE_UNAVAILABLE, type Limits, type WhileUnavailable } from '#src/core/team-limits.ts'
import { createWorld } from './partition.ts'
import { type Op, spent, worstMinute } from './partition-calls.ts'
import { limits } from './quota-kit.ts'
import { CAP, faulty, LARGE, outages, process_, quiet, RPM, RUNS, TIMEOUT } from './schedules.ts'
import { type RedisServer, startRedis } from './server.ts'

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.close())

const one = (process: number, worst = 1): Op => ({ do: 'burst', process, calls: 1, worst })

/** Each kind of limit by itself: one would keep the other from being reached. */
const DOLLARS = { usdPerDay: CAP as NanoUsd }
const REQUESTS = { rpm: RPM, tpm: 100_000 }

let worlds = 0
function newWorld(processes: number, bound: Partial<Limits>, away: Partial<WhileUnavailable> = {}) {
  worlds += 1
  const world = createWorld(
    redis.admin,
    `w${worlds}`,
    limits({ ...bound, whileUnavailable: { ...DEFAULT_WHILE_UNAVAILABLE, leased: LARGE, ...away } }),
  )
  for (let at = 0; at < processes; at += 1) world.join()
  return world
}

test('whatever is cut, lost, killed or joins: the cap of the day holds, for calls under way at their worst', {
  timeout: TIMEOUT,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(faulty, { minLength: 20, maxLength: 80 }),
      async (size, ops) => {
        const world = newWorld(size, DOLLARS)
        try {
          for (const op of ops) {
            await world.step(op)
            expect(spent(world.log())).toBeLessThanOrEqual(CAP)
          }
        } finally {
          await world.close()
        }
      },
    ),
    { numRuns: RUNS, endOnFailure: Boolean(process.env.FUZZ_FAST) },
  )
})

test('requests: no minute exceeds the limit by more than a part for each process cut off for a minute, and one request each', {
  timeout: TIMEOUT,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(faulty, { minLength: 20, maxLength: 80 }),
      async (size, ops) => {
        const world = newWorld(size, REQUESTS)
        try {
          let apart = 0
          for (const op of ops) {
            await world.step(op)
            apart = Math.max(apart, world.apart())
            expect(worstMinute(world.log())).toBeLessThanOrEqual(RPM + apart * RPM + world.members())
          }
        } finally {
          await world.close()
        }
      },
    ),
    { numRuns: RUNS, endOnFailure: Boolean(process.env.FUZZ_FAST) },
  )
})

test('known to each other, and never out of touch for a minute: no minute holds more than the limit', {
  timeout: TIMEOUT,
}, async () => {
  const short = faulty.map((op) => (op.do === 'wait' ? { ...op, ms: op.ms % 2_000 } : op))
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      // Each has been in touch, and what joins later is, too, before anything is cut.
      fc.array(
        short.filter((op) => op.do !== 'join'),
        { minLength: 10, maxLength: 29 },
      ),
      async (size, ops) => {
        const world = newWorld(size, REQUESTS)
        try {
          for (let at = 0; at < 2 * size; at += 1) await world.step(one(at))
          for (const op of ops) await world.step(op)
          expect(worstMinute(world.log())).toBeLessThanOrEqual(RPM)
        } finally {
          await world.close()
        }
      },
    ),
    { numRuns: RUNS, endOnFailure: Boolean(process.env.FUZZ_FAST) },
  )
})

test('Redis away for less than a minute, with processes that start or were idle: an allowance holds the limit, without one each adds a request', {
  timeout: TIMEOUT,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom(undefined, 0, 0.2, 0.4),
      outages,
      async (size, allowanceOfRates, ops) => {
        const world = newWorld(size, REQUESTS, { leased: 0.2, allowanceOfRates })
        try {
          for (const op of ops) {
            // The allowance is set apart for eight processes.
            if (op.do === 'join' && world.members() === 8) continue
            await world.step(op)
            const more = allowanceOfRates === undefined ? world.members() : 0
            expect(worstMinute(world.log())).toBeLessThanOrEqual(RPM + more)
          }
        } finally {
          await world.close()
        }
      },
    ),
    { numRuns: 2 * RUNS, endOnFailure: Boolean(process.env.FUZZ_FAST) },
  )
})

test('a process that starts during an outage makes one request where the policy sets nothing apart', async () => {
  const world = newWorld(2, REQUESTS)
  const burst: Op = { do: 'burst', process: 2, calls: 40, worst: 1 }
  for (const op of [{ do: 'cutAll' }, { do: 'join', cut: true }, burst, burst] satisfies Op[])
    await world.step(op)
  expect(world.log()).toHaveLength(1)
  await world.close()
})

test('a process that starts during an outage has its part of the allowance, and of the limit after a minute', async () => {
  const world = newWorld(2, REQUESTS, { allowanceOfRates: 0.4 })
  const all: Op[] = [0, 1].map((process) => ({ do: 'burst', process, calls: 40, worst: 1 }))
  for (const op of [...all, { do: 'cutAll' }, { do: 'join', cut: true }] satisfies Op[]) await world.step(op)
  expect(world.log()).toHaveLength(RPM * 0.6)
  const burst: Op = { do: 'burst', process: 2, calls: 40, worst: 1 }
  await world.step(burst)
  expect(world.log()).toHaveLength(RPM * 0.6 + (RPM * 0.4) / 8)
  await world.step({ do: 'wait', ms: 60_250 })
  await world.step(burst)
  expect(world.log().filter(({ process, at }) => process === 2 && at === world.now())).toHaveLength(RPM / 8)
  await world.close()
})

/** What was admitted in the last minute, and what a process gets of the rest in calls as small as they come. */
async function usable(world: ReturnType<typeof newWorld>, process: number): Promise<number> {
  // As each does within a moment.
  for (let at = 0; at < world.members(); at += 1) await world.step({ do: 'tell', process: at })
  await world.step({ do: 'burst', process, calls: RPM, worst: 1 })
  // A call leaves the window a second and a quarter late at most.
  return world.log().filter(({ at }) => at > world.now() - 61_250).length
}

const ALL = { ...DOLLARS, ...REQUESTS }

test('nothing fails: at least 95 % of the cap and of the requests can be used, however the load is spread', {
  timeout: TIMEOUT,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(quiet, { minLength: 5, maxLength: 40 }),
      process_,
      async (size, ops, last) => {
        const world = newWorld(size, ALL, { leased: 0.05 })
        try {
          for (const op of ops) await world.step(op)
          const used = await usable(world, last)
          expect(worstMinute(world.log())).toBeLessThanOrEqual(RPM)
          if (spent(world.log()) < CAP * 0.95) expect(used).toBeGreaterThanOrEqual(Math.floor(RPM * 0.95))
        } finally {
          await world.close()
        }
      },
    ),
    { numRuns: RUNS, endOnFailure: Boolean(process.env.FUZZ_FAST) },
  )
})

/** All that a process can still have, in calls of one and by tens. */
const drain = (process: number): Op[] => [
  { do: 'burst', process, calls: 40, worst: 10 },
  { do: 'burst', process, calls: 40, worst: 1 },
]

async function play(processes: number, ops: (Op | number)[]): Promise<number> {
  const world = newWorld(processes, DOLLARS)
  for (const op of ops) {
    if (typeof op === 'number') await sleep(op)
    else await world.step(op)
    expect(spent(world.log())).toBeLessThanOrEqual(CAP)
  }
  await world.close()
  return spent(world.log())
}

test('a lease does not shrink by the reply to a command that was sent before the lease was known', async () => {
  const inFlight: Op[] = [
    { do: 'hold', process: 0 },
    one(0),
    one(0),
    { do: 'deliver', process: 0, commands: 1 },
  ]
  const total = await play(2, [
    ...[...inFlight, ...drain(1)],
    ...[{ do: 'lose', process: 0, commands: 1 } as const, ...drain(1), ...drain(0)],
  ])
  expect(total).toBeGreaterThan(CAP * 0.9)
})

test('what was spent of a lease and not told yet is kept from the others until it is told', async () => {
  const cut: Op[] = [one(0), { do: 'cut', process: 0 }, { do: 'burst', process: 0, calls: 40, worst: 3 }]
  const told: Op[] = [
    { do: 'heal', process: 0 },
    { do: 'hold', process: 0 },
    one(0),
    { do: 'deliver', process: 0, commands: 1 },
  ]
  const apart: Op = { do: 'cut', process: 0 }
  await play(2, [...cut, ...told, ...drain(1), apart, ...drain(0), ...drain(1)])
})

test('what is spent of a lease while its renewal is on its way is not granted again', async () => {
  const cut: Op[] = [
    one(0),
    { do: 'cut', process: 0 },
    one(0, 10),
    { do: 'heal', process: 0 },
    { do: 'hold', process: 0 },
  ]
  const alone: Op = { do: 'burst', process: 0, calls: 20, worst: 5 }
  await play(2, [
    ...[...cut, alone, 300, { do: 'deliver', process: 0, commands: 1 } as const],
    ...[{ do: 'cut', process: 0 } as const, ...drain(0), ...drain(1)],
  ])
})
