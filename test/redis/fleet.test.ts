import { type ChildProcess, fork } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import type { NanoUsd } from '#src/core/money.ts'
import type { Limits } from '#src/core/team-limits.ts'
import { until } from '../until.ts'
import type { Admission, Settled, Told, Work } from './reserver.ts'
import { type RedisServer, startRedis } from './server.ts'

const MINUTE = 60_000
/** A minute passes in this many times less: tests are not for waiting. */
const SPEED = 8
const SECONDS = Number(process.env.FLEET_SECONDS ?? 8)

const open: { close: () => unknown }[] = []
afterEach(async () => {
  for (const it of open.splice(0).toReversed()) await it.close()
})

type Fleet = {
  admitted: Admission[]
  settled: Map<string, Settled>
  children: ChildProcess[]
}

/** Eight processes that have nothing in common but Redis and the time. */
function startFleet(redis: RedisServer, limits: Limits): Fleet {
  const start = Date.now()
  const fleet: Fleet = { admitted: [], settled: new Map(), children: [] }
  const work = { redis: redis.url, start, speed: SPEED, limits, leaseMs: 30_000 }
  for (let at = 0; at < 8; at += 1) {
    const each: Work = { ...work, name: `p${at}` }
    const child = fork(file('reserver.ts'), [JSON.stringify(each)], {
      execArgv: ['--import', file('fleet/lua.mjs')],
    })
    child.on('message', (told: Told) => {
      if ('admitted' in told) fleet.admitted.push(told.admitted)
      else fleet.settled.set(told.settled.id, told.settled)
    })
    fleet.children.push(child)
  }
  open.push({ close: () => Promise.all(fleet.children.map(kill)) })
  return fleet
}

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url))

function kill(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}

/** The most that any 60 seconds certainly held: a call counts where it was both asked and told within them. */
function worstMinute(admitted: Admission[], of: (call: Admission) => number): number {
  const calls = admitted.toSorted((a, b) => a.asked - b.asked)
  return Math.max(
    ...calls.map(({ asked: from }) =>
      calls
        .filter(({ asked, told }) => asked >= from && told < from + MINUTE)
        .reduce((sum, call) => sum + of(call), 0),
    ),
  )
}

/** What was spent for certain, and what the calls that never ended may have cost. */
const spent = ({ admitted, settled }: Fleet) =>
  admitted.reduce((sum, { id, worst }) => sum + (settled.get(id)?.cost ?? worst), 0)

/** What a call took; one that never ended, what was reserved for it. */
const used =
  ({ settled }: Fleet) =>
  ({ id, tokens }: Admission) =>
    settled.get(id)?.tokens ?? tokens

/** Calls under way at one time, at most. */
function mostAtOnce({ admitted, settled }: Fleet): number {
  const ends = (id: string) => settled.get(id)?.at ?? Number.POSITIVE_INFINITY
  return Math.max(
    ...admitted.map(
      ({ told: at }) => admitted.filter(({ id, asked }) => asked <= at && ends(id) >= at).length,
    ),
  )
}

const limits = (some: Partial<Limits>): Limits => ({ rpm: 120, tpmMode: 'strict', timezone: 'UTC', ...some })

test('eight processes, three of which are killed: no minute over its requests or tokens, and no dollar over the day', async () => {
  const redis = await startRedis()
  open.push(redis)
  const usdPerDay = 150_000 as NanoUsd
  const fleet = startFleet(redis, limits({ tpm: 90_000, usdPerDay }))
  await sleep((SECONDS * 1_000) / 2)
  await Promise.all(fleet.children.slice(0, 3).map(kill))
  await sleep((SECONDS * 1_000) / 2)
  // A busy machine takes longer.
  await until(() => spent(fleet) > usdPerDay * 0.5, 'half of the budget spent')
  await Promise.all(fleet.children.map(kill))

  expect(worstMinute(fleet.admitted, () => 1)).toBeLessThanOrEqual(120)
  expect(worstMinute(fleet.admitted, used(fleet))).toBeLessThanOrEqual(90_000)
  expect(spent(fleet)).toBeLessThanOrEqual(usdPerDay)
  expect(new Set(fleet.admitted.map(({ id }) => id)).size).toBe(fleet.admitted.length)
})

test('expected tokens: a minute passes its limit by no more than the calls in flight ran over', async () => {
  const redis = await startRedis()
  open.push(redis)
  const tpm = 40_000
  const fleet = startFleet(redis, limits({ rpm: 600, tpm, tpmMode: 'expected' }))
  await sleep(SECONDS * 1_000)
  await until(() => fleet.admitted.length > 50, 'enough calls')
  await Promise.all(fleet.children.map(kill))
  const overrun = mostAtOnce(fleet) * 800
  expect(worstMinute(fleet.admitted, used(fleet))).toBeLessThanOrEqual(tpm + overrun)
  const all = fleet.admitted.reduce((sum, call) => sum + used(fleet)(call), 0)
  const from = Math.min(...fleet.admitted.map(({ asked }) => asked))
  const minutes = (Math.max(...fleet.admitted.map(({ told }) => told)) - from) / MINUTE
  expect(all).toBeLessThanOrEqual((Math.floor(minutes) + 1) * tpm + overrun)
})
