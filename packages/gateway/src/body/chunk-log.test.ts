import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import { createChunkLog, type ReaderPosition } from './chunk-log.ts'

const LIMITS = { keep: 4_000, lag: 20_000 }

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('push' as const),
      of: fc.integer({ min: 0, max: 600 }),
      times: fc.integer({ min: 1, max: 20 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('push' as const),
      of: fc.integer({ min: 0, max: 1 }),
      times: fc.integer({ min: 500, max: 2_500 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      of: fc.nat({ max: 5 }),
      times: fc.integer({ min: 1, max: 1_500 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('join' as const), of: fc.constant(0), times: fc.constant(1) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('leave' as const),
      of: fc.nat({ max: 5 }),
      times: fc.constant(1),
    }),
  },
)

type Reader = { position: ReaderPosition; bytes: number[]; events: string[] }

test('whatever the order, each reader has each byte and event once, and the writer waits for its readers', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const log = createChunkLog(LIMITS)
      const bytes: number[] = []
      const events: string[] = []
      let readers: Reader[] = []
      let waits = false

      const push = (size: number) => {
        if (waits && log.backpressure() !== undefined) return
        const some = Array.from({ length: size }, (_, at) => (bytes.length + at) % 251)
        const event = { data: String(events.length) }
        bytes.push(...some)
        events.push(event.data)
        log.push({ bytes: Uint8Array.from(some), events: [event] })
        waits = log.backpressure() !== undefined
        const behind = readers.map((reader) => bytes.length - reader.bytes.length)
        const most = Math.max(0, ...behind)
        // As long as one reader keeps up and none is far behind, nothing waits.
        if (bytes.length <= LIMITS.keep) expect(waits).toBe(false)
        if (readers.length > 0 && Math.min(...behind) <= LIMITS.keep && most <= LIMITS.lag)
          expect(waits).toBe(false)
        // Held entries are those that a reader has not read, or that are below the limit of kept bytes.
        const held = log.kept().reduce((sum, entry) => sum + entry.bytes.byteLength, 0)
        if (readers.length > 0) expect(held).toBeLessThanOrEqual(Math.max(LIMITS.keep, most))
      }
      const read = (reader: Reader) => {
        const next = log.read(reader.position)
        if ('bytes' in next) {
          reader.bytes.push(...next.bytes)
          reader.events.push(...next.events.map(({ data }) => data))
          return true
        }
        expect(next.type).not.toBe('broken')
        return false
      }

      for (const { do: kind, of, times } of steps) {
        const reader = readers[of]
        for (let round = 0; round < times; round += 1) {
          if (kind === 'push') push(of)
          else if (kind === 'join' && log.pushed() <= LIMITS.keep)
            readers.push({ position: log.join(), bytes: [], events: [] })
          else if (kind === 'read' && reader) read(reader)
          else if (kind === 'leave' && reader) {
            log.release(reader.position)
            readers = readers.filter((each) => each !== reader)
          }
        }
      }
      log.close()
      if (bytes.length <= LIMITS.keep)
        expect(log.whole()?.flatMap((entry) => [...entry.bytes])).toEqual(bytes)
      else expect(log.whole()).toBeUndefined()
      for (const reader of readers) {
        while (read(reader));
        expect(reader.bytes).toEqual(bytes)
        expect(reader.events).toEqual(events)
      }
    }),
    { numRuns: runs(200) },
  )
})

test('a body that comes byte by byte is held in few entries', () => {
  const log = createChunkLog({ keep: 100_000, lag: 100_000 })
  const late = log.join()
  for (let at = 0; at < 50_000; at += 1) log.push({ bytes: Uint8Array.of(at % 256), events: [] })
  expect(log.kept().length).toBeLessThan(1_100)
  const first = log.read(late)
  expect('bytes' in first && first.bytes.byteLength).toBeGreaterThan(1_000)
})

test('of two readers the one that lags too far loses its place, and only where the other one waits', () => {
  const log = createChunkLog({ keep: 10, lag: 100 })
  const [slow, fast] = [log.join(), log.join()]
  for (let at = 0; at < 11; at += 1) {
    log.push({ bytes: new Uint8Array(10), events: [] })
    log.read(fast)
  }
  expect(log.backpressure()).toBeInstanceOf(Promise)
  // No reader waits for it yet.
  expect(log.dropSlowest()).toBe(true)
  log.read(slow)
  log.push({ bytes: new Uint8Array(10), events: [] })
  log.read(fast)
  expect(log.backpressure()).toBeInstanceOf(Promise)
  expect(log.read(fast)).toEqual({ type: 'open' })
  fast.wake = () => undefined
  expect(log.dropSlowest()).toBe(true)
  expect(log.backpressure()).toBeUndefined()
  expect(log.read(slow)).toMatchObject({ type: 'broken' })
  expect(log.read(fast)).toEqual({ type: 'open' })
})
