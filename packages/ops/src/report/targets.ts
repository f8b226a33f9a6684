import {
  counted,
  dollars,
  milliseconds,
  percent,
  percentOf,
  roundDollars,
  shortDate,
  whole,
} from '../cli/format.ts'
import type { Targets } from '../config/config.ts'
import type { TeamQuota } from './quotas.ts'
import { sumHits, type Totals } from './totals.ts'
import type { Availability } from './uptime.ts'

/** `unknown`: not measured, which is neither met nor missed. */
export type Status = 'met' | 'missed' | 'unknown'

export type Target = {
  name: 'hit-rate' | 'latency' | 'errors' | 'spend' | 'semantic' | 'uptime' | 'quota'
  title: string
  status: Status
  /** Value for programs. Absent: unknown. */
  value?: number
  target: number
  unit: 'percent' | 'seconds' | 'usd' | 'violations'
  /** Value and target for people. */
  valueText: string
  targetText: string
  /** What the value is made of, or why it is unknown. */
  detail: string
}

export type Figures = {
  totals: Totals
  days: readonly { date: string; totals: Totals }[]
  quotas: readonly TeamQuota[]
  availability: Availability | undefined
}

type Measured = Pick<Target, 'value' | 'valueText' | 'detail'> & { isMet: boolean }

/** Compares the figures with the targets, in the order in which they are shown. */
export function targetsOf(figures: Figures, targets: Targets): Target[] {
  const { hitRatePercent, p95Seconds, errorPercent, dailySpendUsd, semanticNetUsd, uptimePercent } = targets
  const row = (
    shown: Pick<Target, 'name' | 'title' | 'target' | 'unit' | 'targetText'>,
    measured: Measured | string,
  ): Target => {
    if (typeof measured === 'string')
      return { ...shown, status: 'unknown', valueText: 'unknown', detail: measured }
    const { isMet, ...rest } = measured
    return { ...shown, ...rest, status: isMet ? 'met' : 'missed' }
  }
  return [
    row(
      {
        name: 'hit-rate',
        title: 'Cache hit rate',
        target: hitRatePercent,
        unit: 'percent',
        targetText: `> ${hitRatePercent} %`,
      },
      hitRate(figures, hitRatePercent),
    ),
    row(
      {
        name: 'latency',
        title: 'Latency (p95)',
        target: p95Seconds,
        unit: 'seconds',
        targetText: `< ${p95Seconds} s`,
      },
      latency(figures, p95Seconds),
    ),
    row(
      {
        name: 'errors',
        title: 'Errors',
        target: errorPercent,
        unit: 'percent',
        targetText: `< ${errorPercent} %`,
      },
      errors(figures, errorPercent),
    ),
    row(
      {
        name: 'spend',
        title: 'Spend a day',
        target: dailySpendUsd,
        unit: 'usd',
        targetText: `< ${roundDollars(dailySpendUsd)}`,
      },
      spend(figures, dailySpendUsd),
    ),
    row(
      {
        name: 'semantic',
        title: 'Net of semantic cache',
        target: semanticNetUsd,
        unit: 'usd',
        targetText: `> ${roundDollars(semanticNetUsd)}`,
      },
      semantic(figures, semanticNetUsd),
    ),
    row(
      {
        name: 'uptime',
        title: 'Uptime',
        target: uptimePercent,
        unit: 'percent',
        targetText: `> ${uptimePercent} %`,
      },
      uptime(figures, uptimePercent),
    ),
    row(
      { name: 'quota', title: 'Quota violations', target: 0, unit: 'violations', targetText: 'none' },
      quota(figures),
    ),
  ]
}

const NO_CALLS = 'no calls'

function hitRate({ totals: { hitRate, hits, asked } }: Figures, target: number): Measured | string {
  if (hitRate === undefined) return 'no call looked in a cache'
  return {
    value: 100 * hitRate,
    isMet: 100 * hitRate > target,
    valueText: percentOf(hitRate),
    detail: `${whole(sumHits(hits))} of ${counted(asked, 'call')} that looked in a cache`,
  }
}

function latency({ totals: { p95Ms, p50Ms = 0 } }: Figures, target: number): Measured | string {
  if (p95Ms === undefined) return NO_CALLS
  return {
    value: p95Ms / 1_000,
    isMet: p95Ms / 1_000 < target,
    valueText: milliseconds(p95Ms),
    detail: `19 of 20 calls were faster; half of them took ${milliseconds(p50Ms)} at most`,
  }
}

function errors({ totals: { errorRate, errors, calls } }: Figures, target: number): Measured | string {
  if (errorRate === undefined) return NO_CALLS
  return {
    value: 100 * errorRate,
    isMet: 100 * errorRate < target,
    valueText: errorRate > 0 && errorRate < 0.0005 ? '< 0.1 %' : percentOf(errorRate),
    detail: `${whole(errors)} of ${counted(calls, 'call')} failed`,
  }
}

function spend({ totals, days }: Figures, target: number): Measured | string {
  if (totals.calls + totals.ownCalls === 0) return NO_CALLS
  const [dearest] = days.toSorted((one, other) => other.totals.costUsd - one.totals.costUsd)
  if (dearest === undefined) return NO_CALLS
  const { costUsd } = dearest.totals
  const missing = totals.unpriced === 0 ? '' : `; without ${counted(totals.unpriced, 'call')} of unknown cost`
  return {
    value: costUsd,
    isMet: costUsd < target,
    valueText: dollars(costUsd),
    detail: `the dearest day, ${shortDate(dearest.date)}; ${dollars(totals.costUsd / days.length)} on average${missing}`,
  }
}

function semantic({ totals }: Figures, target: number): Measured | string {
  const { hits, savedUsd, ownCalls, ownUsd, ownUnpriced } = totals
  if (hits.semantic + ownCalls === 0) return 'the semantic cache is off'
  const net = savedUsd.semantic - ownUsd
  const missing = ownUnpriced === 0 ? '' : `; ${counted(ownUnpriced, 'call')} of its own are of unknown cost`
  const answers = hits.semantic === 0 ? 'it gave no answer (mode shadow?)' : counted(hits.semantic, 'answer')
  return {
    value: net,
    isMet: net > target,
    valueText: dollars(net),
    detail: `${answers}: ${dollars(savedUsd.semantic)} saved, ${dollars(ownUsd)} spent on embeddings and judgements${missing}`,
  }
}

function uptime({ availability }: Figures, target: number): Measured | string {
  const [lowest] = availability?.addresses ?? []
  if (availability === undefined || lowest === undefined)
    return 'no probes: llm-gateway monitor records them in Redis (probes of its configuration)'
  const { addresses, measuredHours, hours } = availability
  const each = addresses.map(({ name, percent: value }) => `${name} ${percent(value)}`).join(', ')
  const gaps = measuredHours < hours ? `; measured in ${measuredHours} of ${counted(hours, 'hour')}` : ''
  return {
    value: lowest.percent,
    isMet: lowest.percent > target,
    valueText: percent(lowest.percent),
    detail: `${each}${gaps}`,
  }
}

function quota({ quotas, totals }: Figures): Measured | string {
  if (totals.calls === 0) return NO_CALLS
  const violations = quotas.reduce((sum, row) => sum + row.violations, 0)
  const intended = quotas
    .flatMap(({ refusals }) => refusals)
    .reduce((sum, { isIntended, calls }) => sum + (isIntended ? calls : 0), 0)
  const teams = quotas
    .filter((row) => row.violations > 0)
    .map(({ team, refusals, daysOverCap }) => {
      const refused = refusals
        .filter(({ isIntended }) => !isIntended)
        .map(({ calls, limit }) => `${counted(calls, 'refusal')} (${limit})`)
      const days =
        daysOverCap.length > 2 ? counted(daysOverCap.length, 'day') : daysOverCap.map(shortDate).join(' and ')
      return `${team}: ${[...refused, ...(days === '' ? [] : [`over its cap on ${days}`])].join(', ')}`
    })
  const also = intended > 0 ? `${counted(intended, 'intended refusal')}` : 'no refusal by a limit'
  return {
    value: violations,
    isMet: violations === 0,
    valueText: whole(violations),
    detail: violations === 0 ? also : teams.join('; '),
  }
}
