import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DEFAULT_WHILE_UNAVAILABLE } from '#src/core/team-limits.ts'
import { dayOf } from '#src/quota/day.ts'
import { createMemoryQuota } from '#src/quota/memory.ts'
import { createZones, dayNumber, zoneAt } from '#src/quota/redis/day-boundary.ts'
import type { RedisQuota } from '#src/quota/redis/quota.ts'
import type { Verdict } from '#src/quota/store.ts'
import { runs } from '../runs.ts'
import { claim, limits, member, truth, usd } from './quota-kit.ts'
import { type RedisServer, startRedis } from './server.ts'

const HOUR = 3_600_000
const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu']
/** One of them an hour before Berlin's clocks go back. */
const STARTS = [Date.UTC(2026, 10, 23, 12), Date.UTC(2026, 9, 25, 0, 0, 1), Date.UTC(2026, 2, 7, 23, 59, 59)]

let server: RedisServer
let members: RedisQuota[] = []
let clock = 0
beforeAll(async () => {
  server = await startRedis()
  const options = { clock: 'client', now: () => clock } as const
  members = [member(server.url, options), member(server.url, options), member(server.url, options)]
})
afterAll(async () => {
  for (const member of members) member.close()
  await server.close()
})

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('reserve' as const),
      by: fc.nat(2),
      agent: fc.constantFrom('a', 'b'),
      tokens: fc.nat(300),
      most: fc.nat(1_500),
      cost: fc.nat(400),
      requests: fc.constantFrom(1 as const, 1 as const, 0 as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      by: fc.nat(2),
      which: fc.nat(),
      tokens: fc.nat(900),
      learn: fc.option(fc.nat(700), { nil: undefined }),
      cost: fc.nat(400),
      doubt: fc.nat(50),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('again' as const), by: fc.nat(2), which: fc.nat() }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.oneof(fc.nat(3_000), fc.constantFrom(-5_000, 30_000, 60_249, 60_250, 61_000, HOUR, 13 * HOUR)),
    }),
  },
)

/** When holds stand in the way: a lease in Redis ends up to a second later, and until then says `come again`. */
const comparable = (verdict: Verdict) =>
  verdict.admitted || verdict.limit !== 'daily_usd' ? verdict : { ...verdict, retryAfterMs: 0 }

/** Leases are kept from other processes; without them, three are as good as one. */
const away = { ...DEFAULT_WHILE_UNAVAILABLE, leased: 0 }

test('three processes at one Redis decide as one process does in memory, whatever the order', async () => {
  let tries = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 70, size: 'max' }),
      fc.constantFrom(...STARTS),
      fc.constantFrom(...ZONES),
      fc.constantFrom('strict' as const, 'expected' as const),
      async (steps, start, timezone, tpmMode) => {
        tries += 1
        const team = `agreement ${tries}`
        clock = start
        let latest = start
        const memory = createMemoryQuota(() => clock)
        const bound = limits({
          rpm: 7,
          tpm: 2_500,
          usdPerDay: usd(2_000),
          timezone,
          tpmMode,
          whileUnavailable: away,
        })
        const admitted: { id: string; agent: string; at: number; settledAt?: number }[] = []
        const reserve = async (by: number, id: string, agent: string, some: object) => {
          const reservation = { ...claim(`${team}/${id}`, { limits: bound }), team, agent, ...some }
          const [expected, actual] = [
            memory.reserve(reservation),
            await members[by % members.length]?.reserve(reservation),
          ]
          expect(actual && comparable(actual)).toEqual(comparable(expected))
          return expected
        }
        for (const [at, each] of steps.entries()) {
          if (each.do === 'wait') clock += each.ms
          latest = Math.max(latest, clock)
          if (each.do === 'wait') continue
          if (each.do === 'reserve') {
            const { by, agent, tokens, most, cost, requests } = each
            const some = {
              inputTokens: tokens,
              maxOutputTokens: most,
              worstCost: usd(cost),
              leaseMs: 32_000,
              requests,
            }
            const verdict = await reserve(by, `${at}`, agent, some)
            if (verdict.admitted) admitted.push({ id: `${at}`, agent, at: latest })
          } else if (admitted.length > 0) {
            const one = admitted[each.which % admitted.length]
            if (one === undefined) continue
            // Ids are remembered for as long as a repetition can be on its way.
            if (one.settledAt !== undefined && latest - one.settledAt > 50_000) continue
            // A call that ends after two days is forgotten by then: here by this clock, there by the server's.
            if (latest - one.at > 47 * HOUR) continue
            if (each.do === 'again') await reserve(each.by, one.id, one.agent, {})
            else {
              const { tokens, learn, cost, doubt } = each
              const settlement = {
                ...truth(`${team}/${one.id}`),
                team,
                tokens,
                learnOutputTokens: learn,
                cost: usd(cost),
                unconfirmed: usd(doubt),
              }
              memory.settle(settlement)
              await members[each.by]?.settle(settlement)
              one.settledAt ??= latest
            }
          }
        }
        await reserve(0, 'last', 'a', { worstCost: usd(0), inputTokens: 0, maxOutputTokens: 0 })
      },
    ),
    { numRuns: runs(120) },
  )
  expect(members.map((each) => each.stats().alone)).toEqual([0, 0, 0])
})

test('what a script is told of a time zone is what the calendar says, also around a change of clocks', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...ZONES, 'Australia/Lord_Howe', 'Pacific/Apia'),
      fc.integer({ min: Date.UTC(2026, 0), max: Date.UTC(2028, 0) }),
      fc.nat(30 * HOUR),
      (timezone, now, later) => {
        const zone = zoneAt(now, timezone)
        for (const moment of [now, now + later])
          expect(new Date(dayNumber(moment, zone) * 24 * HOUR).toISOString().slice(0, 10)).toBe(
            dayOf(moment, timezone),
          )
      },
    ),
    { numRuns: runs(300) },
  )
  const zoneOf = createZones()
  expect(zoneOf(STARTS[1] ?? 0, 'Europe/Berlin')).toEqual({
    before: 2 * HOUR,
    changes: Date.UTC(2026, 9, 25, 1),
    after: HOUR,
  })
})
