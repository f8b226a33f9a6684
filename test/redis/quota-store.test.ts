import fc from 'fast-check'
import { Redis as Redis5 } from 'ioredis5'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dayOf, untilDayEnds } from '../../packages/gateway/src/quota/day.ts'
import { createMemoryQuota } from '../../packages/gateway/src/quota/memory.ts'
import { createRedisQuota } from '../../packages/gateway/src/quota/redis/quota.ts'
import type { Limits, MicroUsd, QuotaStore, Reservation } from '../../packages/gateway/src/quota/store.ts'
import type { RedisClient } from '../../packages/gateway/src/redis/connect.ts'
import { createLink } from '../../packages/gateway/src/redis/link.ts'
import { startCluster, startRedis } from './server.ts'

/** Stores that tell the time by `clock`, made anew for each property's run. */
type Kind = { create: (clock: () => number) => QuotaStore; close: () => Promise<unknown> }

const onLink = (target: string | RedisClient, close: () => Promise<unknown>): Kind => {
  const link = createLink(target, { deadlineMs: 5_000, connectMs: 10_000, onChange: () => undefined })
  const say = (message: string) => {
    throw new Error(message)
  }
  return {
    create: (now) => createRedisQuota(link, { clock: 'client', now, say }),
    close: async () => {
      link.close()
      await close()
    },
  }
}

const kinds: Record<string, () => Promise<Kind>> = {
  memory: async () => ({ create: createMemoryQuota, close: async () => undefined }),
  Redis: async () => {
    const redis = await startRedis()
    return onLink(redis.url, () => redis.close())
  },
  'Redis that is full': async () => {
    const redis = await startRedis()
    await redis.admin.set('ballast', 'x'.repeat(4_000_000))
    await redis.admin.config('SET', 'maxmemory-policy', 'noeviction')
    await redis.admin.config('SET', 'maxmemory', '1mb')
    await expect(redis.admin.set('more', 'x')).rejects.toThrow(/^OOM/)
    return onLink(redis.url, () => redis.close())
  },
  'a cluster of three': async () => {
    const cluster = await startCluster()
    return onLink(cluster.url, () => cluster.close())
  },
  "the caller's own client of ioredis 5": async () => {
    const redis = await startRedis()
    const client = new Redis5(redis.url)
    return onLink(client as unknown as RedisClient, async () => {
      client.disconnect()
      await redis.close()
    })
  },
}

let teams = 0
/** A team that nobody has heard of. */
const newTeam = () => {
  teams += 1
  return `team ${teams} {}*é`
}

const usd = (micro: number) => micro as MicroUsd
const MINUTE = 60_000
const START = Date.UTC(2026, 10, 23, 12)

const limits = (some: Partial<Limits>): Limits => ({ tpmMode: 'strict', timezone: 'UTC', ...some })
const claim = (id: string, some: Partial<Reservation> & { team: string; limits: Limits }): Reservation => ({
  id: `${some.team}/${id}`,
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

describe.each(Object.entries(kinds))('%s', (name, start) => {
  let kind: Kind
  beforeAll(async () => {
    kind = await start()
  })
  afterAll(async () => await kind.close())
  const runs = name === 'memory' ? 400 : 25

  test('whatever the order: no minute over rpm or tpm, no day over its dollars, and what is repeated changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 150 }), async (steps) => {
        let clock = START
        let latest = START
        const team = newTeam()
        const store = kind.create(() => clock)
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
            const verdict = await store.reserve(
              claim(id, {
                team,
                limits: bound,
                inputTokens: each.tokens,
                maxOutputTokens: 0,
                worstCost: usd(each.cost),
              }),
            )
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
                expect(await store.reserve(claim(one.id, { team, limits: bound }))).toEqual(one.verdict)
              continue
            }
            const cost = Math.floor(one.cost * each.part)
            const doubt = Math.min(each.doubt, one.cost - cost)
            if (one.settled !== undefined && latest - one.settled > 50_000) continue
            await store.settle({
              id: `${team}/${one.id}`,
              team,
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
      { numRuns: runs },
    )
  })

  test('whatever the order: the same verdicts as the memory store', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 100 }), async (steps) => {
        let clock = START
        const team = newTeam()
        const stores = [createMemoryQuota(() => clock), kind.create(() => clock)] as const
        const bound = {
          team,
          limits: limits({ rpm: 7, tpm: 1_000, tpmMode: 'expected', usdPerDay: usd(2_000) }),
        }
        const open: { id: string; cost: number; tokens: number }[] = []
        for (const [at, each] of steps.entries()) {
          if (each.do === 'wait') clock += Math.min(each.ms, MINUTE)
          if (each.do === 'reserve') {
            const asked = claim(`r${at}`, { ...bound, inputTokens: each.tokens, worstCost: usd(each.cost) })
            const [expected, verdict] = [await stores[0].reserve(asked), await stores[1].reserve(asked)]
            expect(verdict).toEqual(expected)
            if (verdict.admitted) open.push({ id: asked.id, cost: each.cost, tokens: each.tokens })
          }
          const one = each.do === 'settle' ? open.splice(each.which % (open.length || 1), 1)[0] : undefined
          if (one === undefined || each.do !== 'settle') continue
          const output = each.which % 500
          const settlement = {
            id: one.id,
            team,
            tokens: one.tokens + output,
            // Means are kept to the thousandth there, which a rounding up can show.
            learnOutputTokens: undefined,
            cost: usd(Math.floor(one.cost * each.part)),
            doubt: usd(0),
          }
          for (const store of stores) await store.settle(settlement)
        }
      }),
      { numRuns: Math.min(runs, 50) },
    )
  })

  test('strict tokens: no minute holds more than tpm as reserved', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ tokens: fc.nat(400), wait: fc.nat(9_000) }), { maxLength: 80 }),
        async (calls) => {
          let clock = START
          const team = newTeam()
          const store = kind.create(() => clock)
          const admitted: { at: number; tokens: number }[] = []
          for (const [id, { tokens, wait }] of calls.entries()) {
            clock += wait
            const size = { inputTokens: tokens, maxOutputTokens: 0 }
            const verdict = await store.reserve(
              claim(`r${id}`, { team, limits: limits({ tpm: 1_000 }), ...size }),
            )
            if (verdict.admitted) admitted.push({ at: clock, tokens })
            for (const { at: from } of admitted) {
              const span = admitted.filter(({ at }) => at >= from && at < from + MINUTE)
              expect(span.reduce((sum, { tokens }) => sum + tokens, 0)).toBeLessThanOrEqual(1_000)
            }
          }
        },
      ),
      { numRuns: Math.min(runs, 100) },
    )
  })

  test('retry-after is exact: that long, and not a second less', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(4_000), { minLength: 5, maxLength: 5 }), async (waits) => {
        let clock = START
        const team = newTeam()
        const store = kind.create(() => clock)
        const bound = { team, limits: limits({ rpm: 5 }) }
        for (const [id, wait] of waits.entries()) {
          clock += wait
          await store.reserve(claim(`r${id}`, bound))
        }
        const refused = (await store.reserve(claim('next', bound))) as { retryAfterMs: number }
        clock += refused.retryAfterMs - 1
        expect(await store.reserve(claim('early', bound))).toMatchObject({ admitted: false })
        clock += 1
        expect(await store.reserve(claim('due', bound))).toMatchObject({ admitted: true })
      }),
      { numRuns: Math.min(runs, 100) },
    )
  })

  test('with three times the demand, 99 % of rpm is used', async () => {
    let clock = START
    const team = newTeam()
    const store = kind.create(() => clock)
    let admitted = 0
    for (let call = 0; call < 3_000; call += 1) {
      clock += 200
      const verdict = await store.reserve(claim(`r${call}`, { team, limits: limits({ rpm: 100 }) }))
      if (verdict.admitted) admitted += 1
    }
    expect(admitted).toBeGreaterThanOrEqual(990)
  })

  test('expected tokens are learned, and what a call takes beyond them is debt of the next minute', async () => {
    let clock = START
    const team = newTeam()
    const store = kind.create(() => clock)
    const bound = { team, limits: limits({ tpm: 1_000, tpmMode: 'expected' }), maxOutputTokens: 16_000 }
    expect(await store.reserve(claim('a', bound))).toMatchObject({
      admitted: true,
      remaining: { tokens: 1_000 - 310 },
    })
    await store.settle({
      id: `${team}/a`,
      team,
      tokens: 910,
      learnOutputTokens: 900,
      cost: usd(1),
      doubt: usd(0),
    })
    expect(await store.reserve(claim('b', bound))).toMatchObject({ admitted: false, limit: 'tpm' })
    clock += 61_000
    expect(await store.reserve(claim('c', bound))).toMatchObject({
      admitted: true,
      remaining: { tokens: 90 },
    })
  })

  test('a hold that nobody settles becomes doubt when its lease runs out, and truth if it is settled after all', async () => {
    let clock = START
    const team = newTeam()
    const store = kind.create(() => clock)
    const bound = { team, limits: limits({ usdPerDay: usd(150) }) }
    await store.reserve(claim('a', bound))
    expect(await store.reserve(claim('b', bound))).toMatchObject({
      admitted: false,
      limit: 'daily_usd',
      retryAfterMs: 1_000,
    })
    clock += 16 * MINUTE
    expect(await store.reserve(claim('c', bound))).toMatchObject({
      admitted: false,
      retryAfterMs: untilDayEnds(clock, 'UTC'),
    })
    await store.settle({
      id: `${team}/a`,
      team,
      tokens: 1,
      learnOutputTokens: undefined,
      cost: usd(20),
      doubt: usd(0),
    })
    expect(await store.reserve(claim('d', bound))).toMatchObject({ admitted: true, remaining: { usd: 30 } })
  })

  test('nonsense earns no credit', async () => {
    const team = newTeam()
    const store = kind.create(() => START)
    const bound = { team, limits: limits({ usdPerDay: usd(250), tpm: 250 }) }
    for (const [id, bad] of [Number.NaN, -1_000, Number.POSITIVE_INFINITY].entries()) {
      const verdict = await store.reserve(claim(`r${id}`, bound))
      expect(verdict.admitted).toBe(id < 2)
      if (verdict.admitted)
        await store.settle({
          id: `${team}/r${id}`,
          team,
          tokens: bad,
          learnOutputTokens: bad,
          cost: usd(bad),
          doubt: usd(bad),
        })
    }
  })

  test('lower limits bind at once, higher ones free at once, and a call larger than its limit never fits', async () => {
    const team = newTeam()
    const store = kind.create(() => START)
    for (let id = 0; id < 5; id += 1)
      await store.reserve(claim(`r${id}`, { team, limits: limits({ rpm: 100 }) }))
    expect(await store.reserve(claim('low', { team, limits: limits({ rpm: 3 }) }))).toMatchObject({
      admitted: false,
    })
    expect(await store.reserve(claim('high', { team, limits: limits({ rpm: 6 }) }))).toMatchObject({
      admitted: true,
    })
    expect(await store.reserve(claim('huge', { team, limits: limits({ tpm: 50 }) }))).toMatchObject({
      admitted: false,
      retryAfterMs: undefined,
    })
  })
})

test('days end at midnight of their zone, also when clocks change', () => {
  const hour = 3_600_000
  expect(untilDayEnds(Date.UTC(2026, 9, 24, 22), 'Europe/Berlin')).toBe(25 * hour)
  expect(untilDayEnds(Date.UTC(2026, 2, 8, 5), 'America/New_York')).toBe(23 * hour)
  expect(dayOf(Date.UTC(2026, 0, 1, 2), 'America/New_York')).toBe('2025-12-31')
})
