import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseConfig } from '../../packages/ops/src/config/config.ts'
import { gather } from '../../packages/ops/src/report/gather.ts'
import { createReport, type Report } from '../../packages/ops/src/report/report.ts'
import { createSource } from '../../packages/ops/src/report/source.ts'
import { runs, SEED, sampled } from '../runs.ts'
import { type Supabase, startSupabase } from '../supabase/server.ts'
import { dateOf, dearest, models, quota, routingUsd, totals } from './oracle.ts'
import { insertOf, type Row, rowsAround } from './rows.ts'

let supabase: Supabase
beforeAll(async () => {
  supabase = await startSupabase()
  await supabase.sql(`insert into llm_team_limits (version, team, rpm, tpm, usd_per_day, timezone) values
    (1, 'a', 1, 1, 1, 'UTC'), (2, 'a', 100, 200000, 50, 'UTC'), (2, 'b', null, null, null, 'UTC')`)
})
afterAll(() => supabase?.close())

const CONFIG = parseConfig(
  { report: { intendedRefusals: ['b', 'a:gateway_rpm_exceeded'] } },
  'the test',
).report

async function reportOf(
  rows: readonly Row[],
  from: string,
  to: string,
  timezone: string,
  now: number,
): Promise<Report> {
  await supabase.sql(insertOf(rows))
  const source = createSource({ SUPABASE_URL: supabase.url, SUPABASE_SECRET_KEY: supabase.keys.secret })
  return createReport(
    await gather({
      source,
      redis: undefined,
      from,
      to,
      config: CONFIG,
      timezone,
      now,
      progress: () => undefined,
    }),
  )
}

/** Compares numbers up to the error of floats. */
function expectSame(actual: unknown, expected: unknown, path = ''): void {
  if (typeof expected === 'number') {
    expect(typeof actual, path).toBe('number')
    expect(
      Math.abs((actual as number) - expected),
      `${path}: ${String(actual)}, not ${expected}`,
    ).toBeLessThan(1e-6)
  } else if (Array.isArray(expected)) {
    expect(actual, path).toHaveLength(expected.length)
    for (const [at, value] of expected.entries())
      expectSame((actual as unknown[])[at], value, `${path}[${at}]`)
  } else if (typeof expected === 'object' && expected !== null)
    for (const [name, value] of Object.entries(expected))
      expectSame((actual as Record<string, unknown>)[name], value, `${path}.${name}`)
  else expect(actual, path).toBe(expected)
}

const noon = (date: string) => Date.parse(`${date}T12:00:00Z`)
const DAY_MS = 86_400_000
const dayAfter = (date: string, days: number) =>
  new Date(noon(date) + days * DAY_MS).toISOString().slice(0, 10)

/** Zones, and the middle of their reports: changes of the clock, ends of months, half hours, a day that was left out. */
const PLACES = [
  ['UTC', '2026-11-26'],
  ['America/Chicago', '2026-11-01'],
  ['America/Chicago', '2026-03-08'],
  ['Europe/Berlin', '2026-03-29'],
  ['Asia/Kolkata', '2026-02-28'],
  ['Pacific/Auckland', '2026-12-31'],
  ['America/Sao_Paulo', '2018-11-04'],
] as const

describe.each(sampled(PLACES, 3))('in %s around %s', (timezone, middle) => {
  const [from, to] = [dayAfter(middle, -2), dayAfter(middle, 2)]
  const now = noon(middle) + 20 * DAY_MS

  test('every figure is what the calls of those days add up to', async () => {
    await fc.assert(
      fc.asyncProperty(rowsAround(noon(middle), 5), async (rows) => {
        const report = await reportOf(rows, from, to, timezone, now)
        const inside = rows.filter(({ at }) => dateOf(at, timezone) >= from && dateOf(at, timezone) <= to)
        expectSame(report.totals, totals(inside), 'totals')
        expect(report.days.map(({ date }) => date)).toEqual(
          [-2, -1, 0, 1, 2].map((days) => dayAfter(middle, days)),
        )
        for (const day of report.days)
          expectSame(
            day.totals,
            totals(inside.filter(({ at }) => dateOf(at, timezone) === day.date)),
            day.date,
          )
        for (const row of report.agents)
          expectSame(
            row,
            totals(inside.filter(({ team, agent }) => team === row.team && agent === row.agent)),
            row.agent,
          )
        expect(report.agents).toHaveLength(new Set(inside.map(({ team, agent }) => `${team} ${agent}`)).size)
        expectSame(
          report.models.toSorted((one, other) => (one.model < other.model ? -1 : 1)),
          models(inside),
          'models',
        )
        expect(report.dearest.map(({ id }) => id)).toEqual(dearest(inside))
        expectSame(report.savings.routing?.usd, routingUsd(inside), 'routing')
        const a = report.quotas.find(({ team }) => team === 'a')
        const { refusals, ...expected } = quota(inside, 'a', timezone, 50)
        expectSame(a, expected, 'quota')
        expect(a?.refusals.reduce((sum, { calls }) => sum + calls, 0)).toBe(refusals)
        // The forecast begins with the month of the last day.
        const month = rows.filter(
          ({ at }) => dateOf(at, timezone).slice(0, 7) === to.slice(0, 7) && dateOf(at, timezone) <= to,
        )
        if (report.forecast !== undefined)
          expectSame(report.forecast.spentUsd, totals(month).costUsd, 'spent')
      }),
      { numRuns: runs(25), seed: SEED },
    )
  })
})

const ONE: Row = {
  request_id: 'one',
  at: noon('2026-11-26'),
  team: 'a',
  agent: 'x',
  operation: 'chat',
  model: 'gpt-4o',
  route: 'requested',
  cache: 'miss',
  status: 'ok',
  error: null,
  cost: 2_500_000_000,
  saved: null,
  latency_ms: 1_850,
  attempts: 1,
  input_tokens: 1_000,
  cached_input_tokens: 0,
  output_tokens: 100,
  reasoning_tokens: 0,
  tags: [],
}
const week = (rows: Row[]) => reportOf(rows, '2026-11-23', '2026-11-29', 'UTC', noon('2026-12-05'))
const statusOf = ({ targets }: Report, name: string) => targets.find((target) => target.name === name)?.status

test('a week without calls has no verdict, and nothing divides by zero', async () => {
  const report = await week([])
  expect(report.verdict).toMatchObject({ status: 'unknown', headline: 'There were no calls.' })
  expect(report.targets.map(({ status }) => status)).toEqual(Array(7).fill('unknown'))
  expect(report.forecast).toBeUndefined()
  expect(JSON.stringify(report)).not.toMatch(/NaN|Infinity|null/)
})

test('a week of one call has its figures', async () => {
  const report = await week([ONE])
  expect(report.totals).toMatchObject({ calls: 1, costUsd: 2.5, p95Ms: 1_850, hitRate: 0, errorRate: 0 })
  expect(statusOf(report, 'latency')).toBe('met')
  expect(statusOf(report, 'hit-rate')).toBe('missed')
  // The 30th is left; the samples are the days since the first call.
  expect(report.forecast).toMatchObject({ month: '2026-11', spentUsd: 2.5, daysLeft: 1, sampledDays: 4 })
  expect(report.forecast?.expectedUsd).toBeCloseTo(2.5 + 2.5 / 4)
})

test('calls of unknown cost are in no sum of money, and are named', async () => {
  const report = await week([ONE, { ...ONE, request_id: 'two', cost: null }])
  expect(report.totals).toMatchObject({ calls: 2, costUsd: 2.5, unpriced: 1 })
  expect(report.notes).toContain('1 call of unknown cost: no sum of money includes them.')
  expect(report.targets.find(({ name }) => name === 'spend')?.detail).toContain(
    'without 1 call of unknown cost',
  )
})

test('refusals by a limit are violations, unless they are intended; other refusals are none', async () => {
  const refused = (id: string, team: string, error: string): Row => ({
    ...ONE,
    request_id: id,
    team,
    error,
    status: 'refused',
    cost: 0,
  })
  const report = await week([
    refused('1', 'a', 'gateway_rpm_exceeded'),
    refused('2', 'b', 'gateway_daily_usd_exceeded'),
    refused('3', 'a', 'gateway_unknown_key'),
  ])
  expect(statusOf(report, 'quota')).toBe('met')
  const worse = await week([
    refused('1', 'a', 'gateway_tpm_exceeded'),
    refused('2', 'c', 'gateway_rpm_exceeded'),
  ])
  expect(worse.targets.find(({ name }) => name === 'quota')).toMatchObject({
    status: 'missed',
    value: 2,
    detail: 'a: 1 refusal (tokens a minute); c: 1 refusal (requests a minute)',
  })
})

test('a day above the cap of a team is a violation; a day at the cap is not', async () => {
  const cost = (at: string, billionths: number): Row => ({
    ...ONE,
    request_id: at,
    at: noon(at),
    cost: billionths,
  })
  const report = await week([cost('2026-11-24', 50_000_000_000), cost('2026-11-25', 50_000_000_001)])
  expect(report.quotas.find(({ team }) => team === 'a')).toMatchObject({
    daysOverCap: ['2026-11-25'],
    violations: 1,
  })
})

test('the semantic cache is charged with its own calls, which are no calls of agents', async () => {
  const own: Row = {
    ...ONE,
    request_id: 'own',
    tags: ['gateway:semantic'],
    operation: 'embeddings',
    cost: 400_000_000,
  }
  const hit: Row = { ...ONE, request_id: 'hit', cache: 'semantic', cost: 0, saved: 300_000_000 }
  const report = await week([ONE, own, hit])
  expect(report.totals).toMatchObject({ calls: 2, asked: 2, hitRate: 0.5, ownCalls: 1, costUsd: 2.9 })
  const target = report.targets.find(({ name }) => name === 'semantic')
  expect(target?.status).toBe('missed')
  expect(target?.value).toBeCloseTo(-0.1)
})

test('names beyond 200 agents are counted together, and the totals stay', async () => {
  const rows = Array.from(
    { length: 230 },
    (_, at): Row => ({ ...ONE, request_id: `n${at}`, agent: `made-up-${at}`, cost: 1_000_000_000 }),
  )
  const report = await week(rows)
  expect(report.agents).toHaveLength(201)
  expect(report.agents.find(({ agent }) => agent === '(others)')).toMatchObject({ calls: 30, costUsd: 30 })
  expect(report.totals).toMatchObject({ calls: 230, costUsd: 230 })
})
