import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../../test/runs.ts'
import type { CacheEntry } from '../../cache-entry/entry.ts'
import { createPartitions } from './partitions.ts'

const usage = { input: 1, cachedInput: 0, audioInput: 0, output: 1, reasoning: 0, audioOutput: 0 }
const DIMS = 64
const DAY_MS = 86_400_000

const sealed = (text: string, pinned = false) => {
  const answer: CacheEntry = {
    text,
    usage: { usage, estimated: false },
    model: 'm',
    headers: [],
    answerId: undefined,
    untold: false,
    team: 't',
    agent: 'a',
    storedAt: Date.now(),
    freshUntil: Date.now() + DAY_MS,
    keptUntil: Date.now() + DAY_MS,
  }
  const vector = Int8Array.from({ length: DIMS }, (_, at) => ((text.length * 31 + at * 17) % 200) - 100)
  return {
    question: text,
    answer,
    vector,
    groups: [],
    refuted: [],
    exact: '',
    pinned,
    asker: '',
    checked: false,
  }
}

const roomsOf = (maxBytes: number) =>
  createPartitions({ dims: DIMS, maxBytes, keepsEntries: true, graph: undefined, onError: () => undefined })

test('for any inserts, memory stays near its limit: a table may grow once more', () => {
  const put = fc.record({
    room: fc.integer({ min: 0, max: 3 }),
    id: fc.integer({ min: 0, max: 400 }),
    size: fc.integer({ min: 1, max: 3_000 }),
  })
  fc.assert(
    fc.property(fc.array(put, { minLength: 200, maxLength: 800 }), (puts) => {
      const maxBytes = 400_000
      const rooms = roomsOf(maxBytes)
      for (const { room, id, size } of puts)
        rooms.upsert(rooms.of(`p${room}`), `${id}`, sealed('x'.repeat(size)))
      const held = rooms.all().reduce((sum, [, room]) => sum + room.index.bytes() + room.entryBytes, 0)
      expect(held).toBeLessThan(maxBytes * 1.25)
      for (const [, room] of rooms.all()) expect(room.entries.size).toBe(room.index.size())
    }),
    { numRuns: runs(30) },
  )
})

test('the newest entries are kept; pinned ones are never evicted', () => {
  const rooms = roomsOf(200_000)
  const room = rooms.of('p')
  rooms.upsert(room, 'pinned', sealed('kept', true))
  for (let at = 0; at < 500; at += 1) rooms.upsert(room, `${at}`, sealed('x'.repeat(500)))
  expect(room.entries.has('499')).toBe(true)
  expect(room.entries.has('0')).toBe(false)
  expect(room.entries.has('pinned')).toBe(true)
})

test('if all entries are pinned, a new one is not kept', () => {
  const rooms = roomsOf(100_000)
  const room = rooms.of('p')
  for (let at = 0; at < 200; at += 1) rooms.upsert(room, `pinned ${at}`, sealed('x'.repeat(500), true))
  expect(rooms.upsert(room, 'new', sealed('y'))).toBe(false)
  expect(room.entries.size).toBe(200)
})

test('an evicted partition no longer counts, even if it is still filled', () => {
  const rooms = roomsOf(60_000)
  const gone = rooms.of('gone')
  rooms.upsert(gone, '1', sealed('x'))
  const other = rooms.of('other')
  for (let at = 0; at < 200; at += 1) rooms.upsert(other, `${at}`, sealed('x'.repeat(100)))
  expect(gone.attached).toBe(false)
  for (let at = 0; at < 100; at += 1) rooms.upsert(gone, `${at}`, sealed('x'))
  const before = other.entries.size
  rooms.upsert(other, 'one more', sealed('x'.repeat(100)))
  expect(other.entries.size).toBeGreaterThanOrEqual(before)
})

test('for any users that ask, stored answers or not, partitions stay within the limit', () => {
  const call = fc.record({ user: fc.nat({ max: 5_000 }), stored: fc.boolean() })
  fc.assert(
    fc.property(fc.array(call, { minLength: 500, maxLength: 2_000 }), fc.boolean(), (calls, anyStored) => {
      const maxBytes = 400_000
      const rooms = roomsOf(maxBytes)
      for (const { user, stored } of calls) {
        const room = rooms.of(`p${user}`)
        if (stored && anyStored) rooms.upsert(room, 'a', sealed('x'))
        // An empty partition takes 2 KB.
        expect(rooms.all().length * 2_000).toBeLessThan(maxBytes)
      }
      const [last] = rooms.all().slice(-1)
      expect([last?.[0], last?.[1].attached]).toEqual([`p${calls.at(-1)?.user}`, true])
    }),
    { numRuns: runs(10) },
  )
})

test('an empty partition has no tables', () => {
  const room = roomsOf(1e9).of('p')
  expect(room.index.bytes()).toBe(0)
  expect(room.index.nearest(new Float32Array(DIMS).fill(1), 5, Date.now())).toEqual([])
})
