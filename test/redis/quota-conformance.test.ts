import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Limits } from '#src/core/team-limits.ts'
import type { QuotaStore, Reservation, Settlement } from '#src/quota/store.ts'
import { claim as claimOf, limits, STORES, truth as truthOf, usd } from './quota-kit.ts'

/** A Redis that is given may have seen these tests before. */
const RUN = crypto.randomUUID()

describe.each(Object.entries(STORES))('%s', (_name, open) => {
  let store: QuotaStore
  let close: () => unknown
  let team = ''
  let tests = 0
  beforeAll(async () => {
    ;({ store, close } = await open())
  })
  afterAll(() => close())

  // A team, and ids, of each test's own.
  const fresh = () => {
    tests += 1
    team = `team ${RUN} ${tests} {of} 100 %`
  }
  const reserve = async (id: string, bound: Partial<Limits>, some: Partial<Reservation> = {}) =>
    await store.reserve({ ...claimOf(`${team}/${id}`, { limits: limits(bound), ...some }), team })
  const settle = async (id: string, some: Partial<Settlement> = {}) =>
    await store.settle({ ...truthOf(`${team}/${id}`, some), team })

  test('of a burst no more than rpm are admitted, and the rest are told when to come again', async () => {
    fresh()
    const verdicts = await Promise.all(Array.from({ length: 60 }, (_, at) => reserve(`${at}`, { rpm: 20 })))
    expect(verdicts.filter(({ admitted }) => admitted)).toHaveLength(20)
    for (const verdict of verdicts)
      if (!verdict.admitted) {
        expect(verdict).toMatchObject({ limit: 'rpm', remaining: { requests: 0 } })
        expect(verdict.retryAfterMs).toBeGreaterThan(40_000)
        expect(verdict.retryAfterMs).toBeLessThanOrEqual(60_250)
      }
  })

  test('what counts as no request takes tokens and dollars only, and passes a window that is full of requests', async () => {
    fresh()
    const bound = { rpm: 2, tpm: 400, usdPerDay: usd(1_000) }
    await reserve('a', bound)
    await reserve('b', bound)
    expect(await reserve('c', bound)).toMatchObject({ admitted: false, limit: 'rpm' })
    expect(await reserve('vector', bound, { requests: 0 })).toMatchObject({
      admitted: true,
      remaining: { requests: 0, tokens: 100, usd: 700 },
    })
    expect(await reserve('long', bound, { requests: 0, inputTokens: 200 })).toMatchObject({
      admitted: false,
      limit: 'tpm',
    })
  })

  test('an admission tells what is left of each limit that binds, and of no other', async () => {
    fresh()
    expect(await reserve('a', { rpm: 5, tpm: 1_000, usdPerDay: usd(450) })).toEqual({
      admitted: true,
      remaining: { requests: 4, tokens: 900, usd: 350 },
      resetMs: 60_250,
    })
    expect(await reserve('b', { rpm: 5 })).toEqual({
      admitted: true,
      remaining: { requests: 3 },
      resetMs: 60_250,
    })
  })

  test('all or nothing: who is refused for one limit has taken nothing of the others', async () => {
    fresh()
    const bound = { rpm: 3, tpm: 500, usdPerDay: usd(1_000) }
    await reserve('a', bound)
    for (let at = 0; at < 5; at += 1) {
      expect(await reserve(`tpm ${at}`, bound, { inputTokens: 400 })).toMatchObject({ limit: 'tpm' })
      expect(await reserve(`usd ${at}`, bound, { worstCost: usd(950) })).toMatchObject({ limit: 'daily_usd' })
    }
    expect(await reserve('b', bound)).toMatchObject({
      admitted: true,
      remaining: { requests: 1, tokens: 300, usd: 800 },
    })
  })

  test('a repeated reservation changes nothing and is answered as the first time, before and after it is settled', async () => {
    fresh()
    const bound = { rpm: 3, tpm: 1_000, usdPerDay: usd(1_000) }
    const first = await reserve('a', bound)
    const others = await Promise.all(Array.from({ length: 5 }, () => reserve('a', bound)))
    await settle('a', { cost: usd(1) })
    for (const again of [...others, await reserve('a', bound)]) expect(again).toEqual(first)
    expect(await reserve('b', bound)).toMatchObject({ remaining: { requests: 1, tokens: 800, usd: 899 } })
  })

  test('dollars: the worst case is held, the truth takes its place once, and the cap is met to the billionth', async () => {
    fresh()
    const bound = { usdPerDay: usd(1_000) }
    let spent = 0
    for (let at = 0; spent + 100 <= 1_000; at += 1) {
      expect(await reserve(`${at}`, bound)).toMatchObject({ admitted: true })
      await settle(`${at}`, { cost: usd(37) })
      await settle(`${at}`, { cost: usd(1) })
      spent += 37
    }
    const refused = await reserve('over', bound)
    expect(refused).toMatchObject({ admitted: false, limit: 'daily_usd', remaining: { usd: 1_000 - spent } })
    expect(await reserve('exact', bound, { worstCost: usd(1_000 - spent) })).toMatchObject({
      admitted: true,
      remaining: { usd: 0 },
    })
  })

  test('dollars under concurrency: holds never pass the cap together', async () => {
    fresh()
    const verdicts = await Promise.all(
      Array.from({ length: 50 }, (_, at) =>
        reserve(`${at}`, { usdPerDay: usd(1_050) }, { worstCost: usd(100 + (at % 3)) }),
      ),
    )
    const held = verdicts.reduce((sum, { admitted }, at) => sum + (admitted ? 100 + (at % 3) : 0), 0)
    expect(held).toBeLessThanOrEqual(1_050)
    expect(held).toBeGreaterThan(940)
  })

  test('only holds in the way: come again in a second; money that is spent or in doubt: tomorrow', async () => {
    fresh()
    const bound = { usdPerDay: usd(150) }
    await reserve('a', bound)
    expect(await reserve('b', bound)).toMatchObject({ admitted: false, retryAfterMs: 1_000 })
    await settle('a', { cost: usd(30), unconfirmed: usd(70) })
    const refused = await reserve('c', bound)
    expect(refused).toMatchObject({ admitted: false, remaining: { usd: 50 } })
    if (!refused.admitted) expect(refused.retryAfterMs).toBeGreaterThan(1_000)
  })

  test('strict tokens: the worst case is reserved, and what is not used is given back', async () => {
    fresh()
    const bound = { tpm: 250 }
    await reserve('a', bound)
    await reserve('b', bound)
    expect(await reserve('c', bound)).toMatchObject({ admitted: false, limit: 'tpm' })
    await settle('a', { tokens: 20 })
    expect(await reserve('c', bound)).toMatchObject({ admitted: true, remaining: { tokens: 30 } })
  })

  test('expected tokens: a guess at first, then what was learned, per agent and model; the excess is debt', async () => {
    fresh()
    const bound = { tpm: 3_000, tpmMode: 'expected' as const }
    const most = { maxOutputTokens: 16_000 }
    expect(await reserve('a', bound, most)).toMatchObject({ remaining: { tokens: 3_000 - 310 } })
    await settle('a', { tokens: 1_010, learnOutputTokens: 1_000 })
    expect(await reserve('b', bound, most)).toMatchObject({ remaining: { tokens: 3_000 - 1_010 - 1_010 } })
    await settle('b', { tokens: 110, learnOutputTokens: 100 })
    expect(await reserve('c', bound, most)).toMatchObject({
      remaining: { tokens: 3_000 - 1_010 - 110 - 920 },
    })
    expect(await reserve('d', bound, { ...most, agent: 'other' })).toMatchObject({
      remaining: { tokens: 3_000 - 1_010 - 110 - 920 - 310 },
    })
  })

  test('what is larger than its limit never fits, and says so', async () => {
    fresh()
    expect(await reserve('a', { tpm: 50 })).toMatchObject({ limit: 'tpm', retryAfterMs: undefined })
    expect(await reserve('b', { usdPerDay: usd(50) })).toMatchObject({
      limit: 'daily_usd',
      retryAfterMs: undefined,
    })
  })

  test('lower limits bind at once, and higher ones free at once', async () => {
    fresh()
    for (let at = 0; at < 5; at += 1) await reserve(`${at}`, { rpm: 100 })
    expect(await reserve('low', { rpm: 3 })).toMatchObject({ admitted: false })
    expect(await reserve('high', { rpm: 6 })).toMatchObject({ admitted: true, remaining: { requests: 0 } })
  })

  test('nonsense earns no credit', async () => {
    fresh()
    const bound = { usdPerDay: usd(250), tpm: 250 }
    for (const [at, bad] of [Number.NaN, -1_000, Number.POSITIVE_INFINITY].entries()) {
      expect(await reserve(`${at}`, bound)).toMatchObject({ admitted: at < 2 })
      await settle(`${at}`, { tokens: bad, learnOutputTokens: bad, cost: usd(bad), unconfirmed: usd(bad) })
    }
  })

  test('a settlement without a stored reservation counts as spend, once', async () => {
    fresh()
    await settle('lost', { cost: usd(400), unconfirmed: usd(20), tokens: 70 })
    await settle('lost', { cost: usd(400), unconfirmed: usd(20), tokens: 70 })
    const verdict = await reserve('a', { usdPerDay: usd(1_000), tpm: 1_000 })
    expect(verdict).toMatchObject({ remaining: { usd: 480, tokens: 830 } })
  })

  test('a hold whose lease ran out is unconfirmed and reserves only its own dollars, until its settlement replaces it', async () => {
    fresh()
    const bound = { rpm: 10, usdPerDay: usd(250) }
    await reserve('crashed', bound, { leaseMs: 1 })
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    const verdict = await reserve('b', bound, { worstCost: usd(200) })
    expect(verdict).toMatchObject({ admitted: false, limit: 'daily_usd', remaining: { usd: 150 } })
    if (!verdict.admitted) expect(verdict.retryAfterMs).toBeGreaterThan(1_000)
    await settle('crashed', { cost: usd(10) })
    expect(await reserve('c', bound, { worstCost: usd(200) })).toMatchObject({
      admitted: true,
      remaining: { usd: 40 },
    })
  })

  test('teams know nothing of each other', async () => {
    fresh()
    await reserve('a', { rpm: 1 })
    expect(await reserve('b', { rpm: 1 })).toMatchObject({ admitted: false })
    fresh()
    expect(await reserve('a', { rpm: 1 })).toMatchObject({ admitted: true })
  })
})
