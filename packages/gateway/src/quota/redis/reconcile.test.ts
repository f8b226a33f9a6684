import { expect, test } from 'vitest'
import type { NanoUsd } from '../../core/money.ts'
import { RedisUnavailable } from '../../redis/connection.ts'
import type { Reservation } from '../store.ts'
import { createReconciler, type PendingWrite } from './reconcile.ts'

const admitted = (id: string, team = 't'): PendingWrite => ({
  kind: 'admitted',
  team,
  id,
  at: 0,
  reservation: {} as Reservation,
})
const settled = (id: string, team = 't'): PendingWrite => ({
  kind: 'settled',
  team,
  id,
  at: 0,
  settlement: {
    id,
    team,
    tokens: 1,
    learnOutputTokens: undefined,
    cost: 1 as NanoUsd,
    unconfirmed: 0 as NanoUsd,
  },
})

function setup() {
  const heard: string[] = []
  const redis = { away: true, tries: 0, broken: new Set<string>(), clock: 0 }
  const reconciler = createReconciler(
    async (write) => {
      redis.tries += 1
      await Promise.resolve()
      if (redis.away) throw new RedisUnavailable('away')
      if (redis.broken.has(write.id)) throw new Error('ERR')
      heard.push(`${write.kind} ${write.id}`)
    },
    () => redis.clock,
    () => undefined,
  )
  return { reconciler, heard, redis }
}

test('while Redis is unreachable only one write is tried; afterwards all are sent in order', async () => {
  const { reconciler, heard, redis } = setup()
  for (const id of ['a', 'b', 'c']) reconciler.push(admitted(id))
  for (const id of ['a', 'b']) reconciler.push(settled(id))
  expect(await reconciler.sendAdmissions('t', 100)).toBe(false)
  expect(redis.tries).toBe(1)
  redis.away = false
  expect(await reconciler.sendAdmissions('t', 100)).toBe(true)
  expect(heard.toSorted()).toEqual(['admitted a', 'admitted b', 'admitted c', 'settled a', 'settled b'])
  for (const id of ['a', 'b'])
    expect(heard.indexOf(`settled ${id}`)).toBeGreaterThan(heard.indexOf(`admitted ${id}`))
  expect(reconciler.stats()).toEqual({ queued: 0, dropped: 0 })
})

test('admissions are pending for their own team only, and settlements for none', () => {
  const { reconciler } = setup()
  reconciler.push(admitted('a', 'other'))
  reconciler.push(settled('b'))
  expect([reconciler.hasAdmissions('other'), reconciler.hasAdmissions('t')]).toEqual([true, false])
  expect([reconciler.has('b'), reconciler.has('c')]).toEqual([true, false])
})

test('a write that Redis answers with an error is dropped and counted, and the next ones are sent', async () => {
  const { reconciler, heard, redis } = setup()
  redis.away = false
  redis.broken.add('a')
  for (const id of ['a', 'b']) reconciler.push(admitted(id))
  expect(await reconciler.sendAdmissions('t', 100)).toBe(true)
  expect([heard, reconciler.stats()]).toEqual([['admitted b'], { queued: 0, dropped: 1 }])
})

test('the queue is bounded, and writes beyond it are counted as dropped', () => {
  const { reconciler } = setup()
  for (let at = 0; at < 10_003; at += 1) reconciler.push(settled(`${at}`))
  expect(reconciler.stats()).toEqual({ queued: 10_000, dropped: 3 })
  reconciler.close()
  reconciler.push(settled('late'))
  expect(reconciler.stats()).toEqual({ queued: 0, dropped: 10_004 })
})

test('a write that may have arrived is not repeated after Redis has deleted its id', async () => {
  const { reconciler, heard, redis } = setup()
  reconciler.push(settled('a'))
  reconciler.kick()
  await new Promise(setImmediate)
  reconciler.push(settled('b'))
  redis.clock = 15 * 60_000
  redis.away = false
  reconciler.kick()
  await new Promise(setImmediate)
  expect([heard, reconciler.stats()]).toEqual([['settled b'], { queued: 0, dropped: 1 }])
})
