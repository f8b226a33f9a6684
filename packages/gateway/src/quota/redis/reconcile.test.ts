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
  const handback = createReconciler(
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
  return { handback, heard, redis }
}

test('while Redis is away one write asks after it; when it is back, all are said in their order', async () => {
  const { handback, heard, redis } = setup()
  for (const id of ['a', 'b', 'c']) handback.push(admitted(id))
  for (const id of ['a', 'b']) handback.push(settled(id))
  expect(await handback.admissionsTold('t', 100)).toBe(false)
  expect(redis.tries).toBe(1)
  redis.away = false
  expect(await handback.admissionsTold('t', 100)).toBe(true)
  expect(heard.toSorted()).toEqual(['admitted a', 'admitted b', 'admitted c', 'settled a', 'settled b'])
  for (const id of ['a', 'b'])
    expect(heard.indexOf(`settled ${id}`)).toBeGreaterThan(heard.indexOf(`admitted ${id}`))
  expect(handback.stats()).toEqual({ queued: 0, dropped: 0 })
})

test('a team owes its own admissions, not those of others, nor settlements', () => {
  const { handback } = setup()
  handback.push(admitted('a', 'other'))
  handback.push(settled('b'))
  expect([handback.owesAdmissions('other'), handback.owesAdmissions('t')]).toEqual([true, false])
  expect([handback.owes('b'), handback.owes('c')]).toEqual([true, false])
})

test('what Redis answers with an error is counted and given up: it holds up nobody else', async () => {
  const { handback, heard, redis } = setup()
  redis.away = false
  redis.broken.add('a')
  for (const id of ['a', 'b']) handback.push(admitted(id))
  expect(await handback.admissionsTold('t', 100)).toBe(true)
  expect([heard, handback.stats()]).toEqual([['admitted b'], { queued: 0, dropped: 1 }])
})

test('the queue is bounded, and what does not fit is counted', () => {
  const { handback } = setup()
  for (let at = 0; at < 10_003; at += 1) handback.push(settled(`${at}`))
  expect(handback.stats()).toEqual({ queued: 10_000, dropped: 3 })
  handback.close()
  handback.push(settled('late'))
  expect(handback.stats()).toEqual({ queued: 0, dropped: 10_004 })
})

test('what may have arrived long ago is not said again once Redis has forgotten whether it did', async () => {
  const { handback, heard, redis } = setup()
  handback.push(settled('a'))
  handback.kick()
  await new Promise(setImmediate)
  handback.push(settled('b'))
  redis.clock = 15 * 60_000
  redis.away = false
  handback.kick()
  await new Promise(setImmediate)
  expect([heard, handback.stats()]).toEqual([['settled b'], { queued: 0, dropped: 1 }])
})
