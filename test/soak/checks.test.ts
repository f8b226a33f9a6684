import { expect, test } from 'vitest'
import { checksOf, type Moment, type Outcome } from './checks.ts'

const momentAt = (seconds: number, heapMb: number, spentUsd = 0.5): Moment => ({
  seconds,
  agents: [{ heapMb, rssMb: 150, handles: 9, files: 30, queued: 5, dropped: 0, rejected: 0, faults: 0 }],
  calls: 100,
  records: 100,
  received: { langfuse: 100, supabase: 100, otel: 100, own: 100 },
  books: {
    money: { requests: 50, nanoUsd: spentUsd * 1e9, mostRequests: 9, mostTokens: 90 },
    rate: { requests: 50, nanoUsd: 1, mostRequests: 60, mostTokens: 900 },
  },
  redisMb: 2,
  redisKeys: 10,
})

const outcomeWith = (change: Partial<Outcome>): Outcome => ({
  minutes: 10,
  limits: { rpm: 60, tpm: 900, usdPerDay: 0.5 },
  moments: Array.from({ length: 40 }, (_, at) => momentAt(at * 15, 50)),
  missing: { langfuse: 0, supabase: 0, otel: 0, own: 0 },
  records: 100,
  calls: 100,
  ways: { exact: 1, semantic: 1, flight: 1, miss: 1 },
  outcomes: { gateway_daily_usd_exceeded: 1 },
  unrecordedLeft: 0,
  flushed: true,
  malformed: [],
  ...change,
})
const brokenIn = (change: Partial<Outcome>) =>
  checksOf(outcomeWith(change))
    .filter(({ holds }) => holds === false)
    .map(({ name }) => name)

test('a run in which all holds breaks nothing', () => expect(brokenIn({})).toEqual([]))

test.each<[string, Partial<Outcome>, RegExp]>([
  ['a row is missing', { missing: { langfuse: 0, supabase: 1, otel: 0, own: 0 } }, /missing at supabase/],
  ['a call has no record', { records: 99 }, /a record for each call/],
  ['a budget is passed by a billionth', { moments: [momentAt(1, 50, 0.500000001)] }, /usdPerDay/],
  ['a limit is passed by one', { limits: { rpm: 59, tpm: 900, usdPerDay: 0.5 } }, /within rpm/],
  ['the heap grows', { moments: Array.from({ length: 40 }, (_, at) => momentAt(at, 50 + 2 * at)) }, /heap/],
  ['no cache took part', { ways: { miss: 1 } }, /took part/],
])('%s: it is told', (_, change, name) => expect(brokenIn(change).join()).toMatch(name))

test('a short run does not tell of growth', () => {
  const holds = checksOf(outcomeWith({ minutes: 1 })).map(({ holds }) => holds)
  expect(holds.filter((each) => each === undefined)).toHaveLength(5)
})
