import fc from 'fast-check'
import { expect, test } from 'vitest'
import { dayOf, untilDayEnds } from './day.ts'
import { createMemoryQuota as create } from './memory.ts'
import type { Limits, MicroUsd, QuotaStore, Reservation, Settlement, Verdict } from './store.ts'

/** The memory store answers at once; the port allows it not to. */
function createMemoryQuota(clock: () => number) {
  const store: QuotaStore = create(clock)
  return {
    reserve: (reservation: Reservation) => store.reserve(reservation) as Verdict,
    settle: (settlement: Settlement) => void store.settle(settlement),
  }
}

const usd = (micro: number) => micro as MicroUsd
const MINUTE = 60_000
const START = Date.UTC(2026, 10, 23, 12)

const limits = (some: Partial<Limits>): Limits => ({ tpmMode: 'strict', timezone: 'UTC', ...some })
const claim = (id: string, some: Partial<Reservation> & { limits: Limits }): Reservation => ({
  id,
  team: 't',
  agent: 'a',
  model: 'm',
  inputTokens: 10,
  maxOutputTokens: 90,
  worstCost: usd(100),
  leaseMs: 15 * MINUTE,
  ...some,
})

type Step =
  | { do: 'reserve'; tokens: number; cost: number }
  | { do: 'settle'; which: number; part: number; doubt: number }
  | { do: 'again'; which: number }
  | { do: 'wait'; ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('reserve' as const), tokens: fc.nat(300), cost: fc.nat(400) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      which: fc.nat(),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
      doubt: fc.nat(50),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('again' as const), which: fc.nat() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.oneof(fc.nat(3_000), fc.constantFrom(-5_000, 30_000, 61_000, 16 * MINUTE)),
    }),
  },
)

test('whatever the order: no minute over rpm or tpm, no day over its dollars, and what is repeated changes nothing', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      let clock = START
      let latest = START
      const store = createMemoryQuota(() => clock)
      const bound = limits({ rpm: 7, tpm: 1_000, usdPerDay: usd(2_000) })
      const admitted: {
        id: string
        at: number
        tokens: number
        cost: number
        day: string
        verdict: unknown
        settled?: number
      }[] = []
      for (const [at, { ...each }] of steps.entries()) {
        if (each.do === 'wait') {
          clock += each.ms
          latest = Math.max(latest, clock)
        } else if (each.do === 'reserve') {
          const id = `r${at}`
          const verdict = store.reserve(
            claim(id, {
              limits: bound,
              inputTokens: each.tokens,
              maxOutputTokens: 0,
              worstCost: usd(each.cost),
            }),
          ) as { admitted: boolean }
          if (verdict.admitted)
            admitted.push({
              id,
              at: latest,
              tokens: each.tokens,
              cost: each.cost,
              day: dayOf(latest, 'UTC'),
              verdict,
            })
        } else if (admitted.length > 0) {
          const one = admitted[each.which % admitted.length]
          if (one === undefined) continue
          if (each.do === 'again') {
            // Ids are remembered for as long as a repetition can be on its way.
            if (one.settled === undefined && latest - one.at < 15 * MINUTE)
              expect(store.reserve(claim(one.id, { limits: bound }))).toEqual(one.verdict)
            continue
          }
          const cost = Math.floor(one.cost * each.part)
          const doubt = Math.min(each.doubt, one.cost - cost)
          if (one.settled !== undefined && latest - one.settled > 50_000) continue
          store.settle({
            id: one.id,
            team: 't',
            tokens: Math.floor(one.tokens * each.part),
            learnOutputTokens: undefined,
            cost: usd(cost),
            doubt: usd(doubt),
          })
          if (one.settled !== undefined) continue
          one.settled = latest
          one.cost = cost + doubt
        }
        for (const { at: from } of admitted) {
          const span = admitted.filter(({ at }) => at >= from && at < from + MINUTE)
          expect(span.length).toBeLessThanOrEqual(7)
        }
        const days = new Map<string, number>()
        for (const { day, cost } of admitted) days.set(day, (days.get(day) ?? 0) + cost)
        for (const spent of days.values()) expect(spent).toBeLessThanOrEqual(2_000)
      }
    }),
    { numRuns: 400 },
  )
})

test('strict tokens: no minute holds more than tpm as reserved', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ tokens: fc.nat(400), wait: fc.nat(9_000) }), { maxLength: 80 }),
      (calls) => {
        let clock = START
        const store = createMemoryQuota(() => clock)
        const admitted: { at: number; tokens: number }[] = []
        for (const [id, { tokens, wait }] of calls.entries()) {
          clock += wait
          const verdict = store.reserve(
            claim(`r${id}`, { limits: limits({ tpm: 1_000 }), inputTokens: tokens, maxOutputTokens: 0 }),
          ) as { admitted: boolean }
          if (verdict.admitted) admitted.push({ at: clock, tokens })
          for (const { at: from } of admitted) {
            const span = admitted.filter(({ at }) => at >= from && at < from + MINUTE)
            expect(span.reduce((sum, { tokens }) => sum + tokens, 0)).toBeLessThanOrEqual(1_000)
          }
        }
      },
    ),
  )
})

test('retry-after is exact: that long, and not a second less', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(4_000), { minLength: 5, maxLength: 5 }), (waits) => {
      let clock = START
      const store = createMemoryQuota(() => clock)
      const bound = { limits: limits({ rpm: 5 }) }
      for (const [id, wait] of waits.entries()) {
        clock += wait
        store.reserve(claim(`r${id}`, bound))
      }
      const refused = store.reserve(claim('next', bound)) as { retryAfterMs: number }
      clock += refused.retryAfterMs - 1
      expect(store.reserve(claim('early', bound))).toMatchObject({ admitted: false })
      clock += 1
      expect(store.reserve(claim('due', bound))).toMatchObject({ admitted: true })
    }),
  )
})

test('with three times the demand, 99 % of rpm is used', () => {
  let clock = START
  const store = createMemoryQuota(() => clock)
  let admitted = 0
  for (let call = 0; call < 3_000; call += 1) {
    clock += 200
    if (
      (store.reserve(claim(`r${call}`, { limits: limits({ rpm: 100 }) })) as { admitted: boolean }).admitted
    )
      admitted += 1
  }
  expect(admitted).toBeGreaterThanOrEqual(990)
})

test('expected tokens are learned, and what a call takes beyond them is debt of the next minute', () => {
  let clock = START
  const store = createMemoryQuota(() => clock)
  const bound = { limits: limits({ tpm: 1_000, tpmMode: 'expected' }), maxOutputTokens: 16_000 }
  expect(store.reserve(claim('a', bound))).toMatchObject({
    admitted: true,
    remaining: { tokens: 1_000 - 310 },
  })
  store.settle({ id: 'a', team: 't', tokens: 910, learnOutputTokens: 900, cost: usd(1), doubt: usd(0) })
  expect(store.reserve(claim('b', bound))).toMatchObject({ admitted: false, limit: 'tpm' })
  clock += 61_000
  expect(store.reserve(claim('c', bound))).toMatchObject({ admitted: true, remaining: { tokens: 90 } })
})

test('a hold that nobody settles becomes doubt when its lease runs out, and truth if it is settled after all', () => {
  let clock = START
  const store = createMemoryQuota(() => clock)
  const bound = { limits: limits({ usdPerDay: usd(150) }) }
  store.reserve(claim('a', bound))
  expect(store.reserve(claim('b', bound))).toMatchObject({
    admitted: false,
    limit: 'daily_usd',
    retryAfterMs: 1_000,
  })
  clock += 16 * MINUTE
  expect(store.reserve(claim('c', bound))).toMatchObject({
    admitted: false,
    retryAfterMs: untilDayEnds(clock, 'UTC'),
  })
  store.settle({ id: 'a', team: 't', tokens: 1, learnOutputTokens: undefined, cost: usd(20), doubt: usd(0) })
  expect(store.reserve(claim('d', bound))).toMatchObject({ admitted: true, remaining: { usd: 30 } })
})

test('nonsense earns no credit', () => {
  const store = createMemoryQuota(() => START)
  const bound = { limits: limits({ usdPerDay: usd(250), tpm: 250 }) }
  for (const [id, bad] of [Number.NaN, -1_000, Number.POSITIVE_INFINITY].entries()) {
    const verdict = store.reserve(claim(`r${id}`, bound)) as { admitted: boolean }
    expect(verdict.admitted).toBe(id < 2)
    if (verdict.admitted)
      store.settle({
        id: `r${id}`,
        team: 't',
        tokens: bad,
        learnOutputTokens: bad,
        cost: usd(bad),
        doubt: usd(bad),
      })
  }
})

test('lower limits bind at once, higher ones free at once, and a call larger than its limit never fits', () => {
  const store = createMemoryQuota(() => START)
  for (let id = 0; id < 5; id += 1) store.reserve(claim(`r${id}`, { limits: limits({ rpm: 100 }) }))
  expect(store.reserve(claim('low', { limits: limits({ rpm: 3 }) }))).toMatchObject({ admitted: false })
  expect(store.reserve(claim('high', { limits: limits({ rpm: 6 }) }))).toMatchObject({ admitted: true })
  expect(store.reserve(claim('huge', { limits: limits({ tpm: 50 }) }))).toMatchObject({
    admitted: false,
    retryAfterMs: undefined,
  })
})

test('days end at midnight of their zone, also when clocks change', () => {
  const hour = 3_600_000
  expect(untilDayEnds(Date.UTC(2026, 9, 24, 22), 'Europe/Berlin')).toBe(25 * hour)
  expect(untilDayEnds(Date.UTC(2026, 2, 8, 5), 'America/New_York')).toBe(23 * hour)
  expect(dayOf(Date.UTC(2026, 0, 1, 2), 'America/New_York')).toBe('2025-12-31')
})
