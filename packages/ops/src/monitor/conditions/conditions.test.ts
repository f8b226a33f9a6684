import { describe, expect, test } from 'vitest'
import { LABELS_OF } from '../../alerting/names.ts'
import { parseConfig } from '../../config/config.ts'
import type { CallMeasures, Measured } from '../measure/measured.ts'
import { CONDITIONS } from './all.ts'
import { evaluateAll } from './condition.ts'

const { thresholds } = parseConfig({}, 'the default')
const NOON = Date.parse('2026-11-23T12:00:00Z')
const DAY_MS = 86_400_000
const NO_SPEND = { usd: 0, teams: {} }
const QUIET: CallMeasures = {
  window: { calls: 100, errors: 0, degraded: 0, refusals: {}, p95Ms: 900 },
  today: NO_SPEND,
  hour: NO_SPEND,
  quarter: NO_SPEND,
  history: [],
}
const calls = (some: Partial<CallMeasures>): Partial<Measured> => ({ calls: { ...QUIET, ...some } })
const inWindow = (some: Partial<CallMeasures['window']>) => calls({ window: { ...QUIET.window, ...some } })
const spent = (today: number, hour = 0, quarter = hour / 4, team = 'prod_ceo') => {
  const spend = (usd: number) => ({ usd, teams: { [team]: usd } })
  return calls({ today: spend(today), hour: spend(hour), quarter: spend(quarter) })
}

const measured = (some: Partial<Measured>): Measured => ({
  now: NOON,
  day: { startsAt: NOON - DAY_MS / 2, endsAt: NOON + DAY_MS / 2 },
  timezone: 'UTC',
  windowMinutes: 5,
  redisTrouble: '',
  calls: QUIET,
  budgets: { prod_ceo: 25 },
  policyTrouble: '',
  probes: [{ name: 'gateway', url: 'https://gateway.example.com', ok: true, detail: 'status 200' }],
  waitingRows: 0,
  monitors: [{ name: 'two', at: NOON }],
  clockSkewMs: 0,
  rotated: { MASTER: NOON },
  ...some,
})

/** Returns the active alerts, as `name label`. */
const activeAt = (some: Partial<Measured>) =>
  Object.values(evaluateAll(CONDITIONS, measured(some), thresholds)).flatMap((findings) =>
    (findings ?? [])
      .filter(({ isActive }) => isActive)
      .map(({ alert, labels }) => [alert, ...Object.values(labels)].join(' ')),
  )

const probe = (some: object) => ({
  probes: [{ name: 'ui', url: 'https://ui.example.com', ok: true, detail: '', ...some }],
})

describe('each condition is active beyond its threshold only', () => {
  test.each<[string, Partial<Measured>, string[]]>([
    ['a quiet system', {}, []],
    ['errors at 5 %', inWindow({ errors: 5 }), []],
    ['errors above 5 %', inWindow({ errors: 6 }), ['error-rate']],
    ['errors of too few calls', inWindow({ calls: 19, errors: 19 }), []],
    ['a p95 of 10 s', inWindow({ p95Ms: 10_000 }), []],
    ['a p95 above 10 s', inWindow({ p95Ms: 10_001 }), ['latency']],
    ['a window without calls', inWindow({ calls: 0 }), []],
    [
      'a refusal by a limit',
      inWindow({ refusals: { prod_ceo: { gateway_rpm_exceeded: 1 } } }),
      ['quota-exceeded prod_ceo'],
    ],
    ['degraded calls', inWindow({ degraded: 6 }), ['cache-degraded']],
    ['a spend of $100', spent(100, 0, 0, 'admin'), []],
    ['a spend above $100', spent(100.01, 0, 0, 'admin'), ['daily-spend']],
    ['half of a budget', spent(12.5), ['budget prod_ceo 50']],
    ['nearly half of a budget', spent(12.49), []],
    ['a whole budget', spent(25), ['budget prod_ceo 50', 'budget prod_ceo 80', 'budget prod_ceo 100']],
    ['a pace that ends a budget in 2 hours', spent(10, 7.5), ['burn-rate prod_ceo']],
    ['a pace that ends it in 4 hours', spent(10, 3.75), []],
    ['a pace of the last hour that is over', spent(10, 7.5, 0.1), []],
    ['a pace that has just begun', spent(10, 0.5, 5), []],
    ['a pace at little spend', spent(4, 20), []],
    ['Redis away', { redisTrouble: 'refused' }, ['redis-down']],
    ['an address that does not answer', probe({ ok: false, detail: 'no answer' }), ['down ui']],
    [
      'a certificate of 13 days',
      probe({ certificateEndsAt: NOON + 13.9 * DAY_MS }),
      ['certificate-ending ui'],
    ],
    ['a certificate of 14 days', probe({ certificateEndsAt: NOON + 14 * DAY_MS }), []],
    ['rows that wait', { waitingRows: 25_001 }, ['rows-waiting']],
    ['a policy that is refused', { policyTrouble: 'teams: unknown field' }, ['policy-refused']],
    ['a key of 90 days', { rotated: { MASTER: NOON - 90 * DAY_MS } }, ['rotation-due MASTER']],
    ['a key of 89 days', { rotated: { MASTER: NOON - 89 * DAY_MS } }, []],
    ['a silent monitor', { monitors: [{ name: 'two', at: NOON - 181_000 }] }, ['monitor-silent two']],
    ['a clock that is ahead', { clockSkewMs: 31_000 }, ['clock-skew']],
    ['a clock that is behind', { clockSkewMs: -31_000 }, ['clock-skew']],
  ])('%s', (_, state, expected) => {
    expect(activeAt(state)).toEqual(expected)
  })
})

test('what could not be measured has no findings, good or bad', () => {
  const { calls: _, budgets: __, ...rest } = measured({ redisTrouble: 'refused' })
  const findings = evaluateAll(CONDITIONS, rest, thresholds)
  const unknown = [
    'error-rate',
    'latency',
    'quota-exceeded',
    'daily-spend',
    'budget',
    'burn-rate',
    'cache-degraded',
  ]
  for (const name of unknown) expect(findings[name], name).toBeUndefined()
})

test('the burn rate says when the budget is spent, in the time zone of the policy', () => {
  const state = measured({ ...spent(10, 7.5), timezone: 'Europe/Berlin' })
  const [, finding] = evaluateAll(CONDITIONS, state, thresholds)['burn-rate'] ?? []
  expect(finding?.text).toBe(
    'Team prod_ceo: at this pace ($7.50 an hour) the $25.00 of today are spent at 15:00.',
  )
})

test('a certificate within 3 days of its end is critical', () => {
  const severityIn = (days: number) =>
    evaluateAll(CONDITIONS, measured(probe({ certificateEndsAt: NOON + days * DAY_MS })), thresholds)[
      'certificate-ending'
    ]?.[0]?.severity
  expect([severityIn(3), severityIn(2.9), severityIn(-1)]).toEqual(['warning', 'critical', 'critical'])
})

test('silences know each condition, and the labels of its findings', () => {
  expect(CONDITIONS.map(({ name }) => name)).toEqual(Object.keys(LABELS_OF))
  const state = {
    ...inWindow({ refusals: { prod_ceo: { gateway_rpm_exceeded: 1 } } }),
    ...probe({ certificateEndsAt: NOON }),
  }
  const findings = evaluateAll(CONDITIONS, measured(state), thresholds)
  for (const [name, labels] of Object.entries(LABELS_OF)) {
    const found = (findings[name] ?? []).flatMap((finding) => Object.keys(finding.labels))
    expect([...new Set(found)], name).toEqual(labels)
  }
})
