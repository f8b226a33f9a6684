import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import { queue } from '../../../../test/sink-queue.ts'
import { type Delivery, DeliveryError, type Report } from './sink.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const idOf = ({ record }: Report) => record.id

test('reports wait for others until the linger time ends', async () => {
  const batches: string[][] = []
  const box = queue(async (reports) => void batches.push(reports.map(idOf)))
  box.add()
  box.add()
  await vi.advanceTimersByTimeAsync(99)
  expect(batches).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(batches).toEqual([['0', '1']])
  for (let each = 0; each < 25; each += 1) box.add()
  await vi.advanceTimersByTimeAsync(1)
  expect(batches.slice(1).map((batch) => batch.length)).toEqual([10, 10])
  await vi.advanceTimersByTimeAsync(100)
  expect(batches.flat()).toHaveLength(27)
  expect(box.held).toEqual([true, false, true, false])
})

test('a full queue drops the oldest, and logs it', async () => {
  const box = queue(() => Promise.reject(new DeliveryError('away')), { maxReports: 50 })
  for (let each = 0; each < 60; each += 1) box.add()
  const { dropped, queued } = box.stats()
  expect(dropped + queued).toBe(60)
  expect(queued).toBeLessThanOrEqual(50)
  expect(box.said[0]).toMatch(/calls will be missing: more than 50 calls/)
})

test('the memory of queued reports is limited', () => {
  const box = queue(() => new Promise(() => undefined), { maxBytes: 1_000 })
  for (let each = 0; each < 40; each += 1) box.add(100)
  expect(box.stats().queued).toBeLessThanOrEqual(10)
})

test('a receiver that is down is retried with back-off, and its return is logged', async () => {
  let down = true
  const at: number[] = []
  const box = queue(async () => {
    at.push(Date.now())
    if (down) throw new DeliveryError('away')
  })
  box.add()
  await vi.advanceTimersByTimeAsync(120_000)
  expect(box.stats().state).toBe('down')
  expect(at.length).toBeLessThan(16)
  down = false
  await vi.advanceTimersByTimeAsync(31_000)
  expect(box.stats()).toMatchObject({ state: 'up', delivered: 1, queued: 0 })
  expect(box.said).toEqual([expect.stringMatching(/takes no records/), expect.stringMatching(/again/)])
})

test('a receiver is not retried before its retry-after', async () => {
  const at: number[] = []
  const box = queue(async () => {
    at.push(performance.now())
    if (at.length === 1) throw new DeliveryError('busy', { retryAfterMs: 20_000 })
  })
  box.add()
  await vi.advanceTimersByTimeAsync(30_000)
  expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThanOrEqual(20_000)
})

test('a hung delivery is aborted at its deadline and retried', async () => {
  const signals: AbortSignal[] = []
  const box = queue((_reports, signal) => {
    signals.push(signal)
    return signals.length === 1 ? new Promise(() => undefined) : Promise.resolve(undefined)
  })
  box.add()
  await vi.advanceTimersByTimeAsync(3_000)
  expect(signals[0]?.aborted).toBe(true)
  expect(box.stats()).toMatchObject({ delivered: 1, failures: 1 })
})

test('one faulty report does not affect others', async () => {
  const arrived: string[] = []
  const box = queue(async (reports) => {
    if (reports.some(({ record }) => record.id === '3')) throw new TypeError('cannot be serialised')
    arrived.push(...reports.map(idOf))
  })
  for (let each = 0; each < 8; each += 1) box.add()
  await vi.advanceTimersByTimeAsync(120_000)
  expect(arrived.toSorted()).toEqual(['0', '1', '2', '4', '5', '6', '7'])
  expect(box.stats()).toMatchObject({ delivered: 7, rejected: 1, queued: 0 })
})

test('a result returned right after an abort still counts', async () => {
  const box = queue(
    (reports, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve({ retry: reports.slice(4), unsure: reports.slice(4) }))
      }),
  )
  for (let each = 0; each < 10; each += 1) box.add()
  await vi.advanceTimersByTimeAsync(1_050)
  expect(box.stats()).toMatchObject({ delivered: 4, queued: 6 })
  await box.close()
  expect(box.stats()).toMatchObject({ dropped: box.stats().unconfirmed })
})

test('the log line of losses has their number, also at the end', async () => {
  const box = queue(() => new Promise(() => undefined), { maxReports: 20 })
  for (let each = 0; each < 50; each += 1) box.add()
  await vi.advanceTimersByTimeAsync(10)
  for (let each = 0; each < 50; each += 1) box.add()
  await box.close()
  const { dropped, unconfirmed, delivered } = box.stats()
  expect({ dropped, delivered }).toEqual({ dropped: 100, delivered: 0 })
  expect(unconfirmed).toBe(10)
  expect(box.said.at(-1)).toMatch(
    /^test: 100 calls will be missing, or 90 if the 10 that were sent without an answer arrived: the gateway was closed/,
  )
})

type Fate = 'ok' | 'down' | 'bug' | 'hang' | 'half again' | 'one refused' | 'one spilled'
const results: Fate[] = ['ok', 'down', 'bug', 'hang', 'half again', 'one refused', 'one spilled']

function suffer(fate: Fate, reports: readonly Report[]): Promise<Delivery | undefined> {
  if (fate === 'down') return Promise.reject(new DeliveryError('away'))
  if (fate === 'bug') return Promise.reject(new TypeError('broken'))
  if (fate === 'hang') return new Promise(() => undefined)
  if (fate === 'half again')
    return Promise.resolve({ retry: reports.slice(0, reports.length / 2), reason: 'half' })
  if (fate === 'one refused') return Promise.resolve({ rejected: 1 })
  return Promise.resolve(fate === 'one spilled' ? { spilled: 1 } : undefined)
}

test('for any sequence of failures, every report counts once, and the queue stays within its limits', async () => {
  const step = fc.record({
    adds: fc.nat(30),
    ms: fc.nat(5_000),
    results: fc.array(fc.constantFrom(...results), { maxLength: 5 }),
    drain: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.boolean(), async (steps, closes) => {
      let coming: Fate[] = []
      const box = queue((reports) => suffer(coming.shift() ?? 'ok', reports), { maxReports: 40 })
      let added = 0
      for (const { adds, ms, results, drain } of steps) {
        coming = results
        for (let each = 0; each < adds; each += 1) box.add()
        added += adds
        if (drain) void box.drain(false)
        await vi.advanceTimersByTimeAsync(ms)
        const { delivered, spilled, rejected: refused, dropped, queued } = box.stats()
        expect(delivered + spilled + refused + dropped + queued).toBe(added)
        expect(queued).toBeLessThanOrEqual(50)
      }
      coming = []
      if (closes) await box.close()
      else await vi.advanceTimersByTimeAsync(300_000)
      const { delivered, spilled, rejected: refused, dropped, queued } = box.stats()
      expect([delivered + spilled + refused + dropped, queued]).toEqual([added, 0])
      expect(box.held.at(-1) ?? false).toBe(false)
    }),
    { numRuns: runs(300) },
  )
})
