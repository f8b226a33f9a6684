import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { queue } from '../../../../test/sink-queue.ts'
import { DeliveryError } from './sink.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a drain covers the reports queued before it; earlier losses are counted', async () => {
  let adding = true
  const box = queue(async () => {
    if (adding) box.add()
    await new Promise((resolve) => setTimeout(resolve, 10))
    return undefined
  })
  for (let each = 0; each < 25; each += 1) box.add()
  const drained = box.drain(false)
  await vi.advanceTimersByTimeAsync(500)
  expect(await drained).toBe(true)
  adding = false
  await vi.advanceTimersByTimeAsync(5_000)
  const full = queue(async () => undefined, { maxReports: 5 })
  for (let each = 0; each < 10; each += 1) full.add()
  expect(full.losses()).toBeGreaterThanOrEqual(5)
  expect(await full.drain(false)).toBe(true)
  expect(full.stats().delivered + full.losses()).toBe(10)
})

test('a drain tries a failing receiver once, without waiting for the back-off', async () => {
  let calls = 0
  const box = queue(() => {
    calls += 1
    return Promise.reject(new DeliveryError('away'))
  })
  box.add()
  expect(await box.drain(false)).toBe(false)
  expect(await box.drain(false)).toBe(false)
  expect(calls).toBe(2)
})

test('closing drops reports in flight, and later ones', async () => {
  const box = queue(() => new Promise(() => undefined))
  box.add()
  await vi.advanceTimersByTimeAsync(200)
  box.add()
  await box.close()
  box.add()
  expect(box.stats()).toMatchObject({ state: 'closed', dropped: 3, queued: 0 })
  expect(vi.getTimerCount()).toBe(0)
})

test('at the end, what fails is tried again until the sink counts as down', async () => {
  vi.useRealTimers()
  let failures = 2
  let tries = 0
  const box = queue(async () => {
    tries += 1
    if (tries <= failures) throw new DeliveryError('not now')
  })
  box.add()
  expect(await box.drain(true)).toBe(true)
  expect([tries, box.stats().state]).toEqual([3, 'up'])

  failures = Number.POSITIVE_INFINITY
  box.add()
  expect(await box.drain(true)).toBe(false)
  expect([box.stats().failures, box.stats().state]).toEqual([6, 'down'])
  expect(await box.drain(true)).toBe(false)
  expect(box.stats().failures).toBe(7)
})

// Shorter than the back-off that the sink asks for.
const beforeRetry = { timeout: 25_000 }
test(
  'a wait between two tries ends when the program gives up, or the sink is closed',
  beforeRetry,
  async () => {
    vi.useRealTimers()
    const box = queue(async () => {
      throw new DeliveryError('not now', { retryAfterMs: 30_000 })
    })
    box.add()
    const giveUp = new AbortController()
    const drained = box.drain(true, giveUp.signal)
    await expect.poll(() => box.stats().failures).toBe(1)
    giveUp.abort()
    expect(await drained).toBe(false)

    const again = box.drain(true)
    await expect.poll(() => box.stats().failures).toBe(2)
    await box.close()
    // Nothing is pending any more: it was dropped.
    expect(await again).toBe(true)
    expect(box.losses()).toBe(1)
  },
)

test('two drains at the end share their tries: the second waits for the back-off of the first', async () => {
  vi.useRealTimers()
  const at: number[] = []
  const box = queue(async () => {
    at.push(performance.now())
    throw new DeliveryError('not now')
  })
  box.add()
  expect(await Promise.all([box.drain(true), box.drain(true)])).toEqual([false, false])
  expect(at).toHaveLength(4)
  // The back-off begins at a quarter of a second, half of it at least.
  for (const [each, time] of at.slice(1).entries()) expect(time - (at[each] ?? 0)).toBeGreaterThan(100)
})

test('a program that goes on after its last drain is told of a sink that is down', async () => {
  vi.useRealTimers()
  const box = queue(() => Promise.reject(new DeliveryError('away')))
  box.add()
  expect(await box.drain(true)).toBe(false)
  expect(box.said).toEqual([])
  await box.drain(false)
  expect(box.said).toEqual(['test: takes no records, which wait here: DeliveryError: away'])
})
