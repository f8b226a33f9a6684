import type { Policy } from '@hotdash/llm-gateway'
import type { SemanticAutoStatus } from '@hotdash/llm-gateway/admin'
import { counted, dollars, percentOf, whole } from '../cli/format.ts'
import type { ReportConfig } from '../config/config.ts'
import { type Forecast, forecastOf } from './forecast.ts'
import { quotasOf, type TeamQuota } from './quotas.ts'
import type { Range } from './range.ts'
import { type Savings, savingsOf } from './savings.ts'
import type { TeamLimits } from './source.ts'
import { addSpans, type DearestCall, grouped, type Span } from './span.ts'
import { type Status, type Target, targetsOf } from './targets.ts'
import { type Totals, totalsOf, usd } from './totals.ts'
import type { Availability } from './uptime.ts'

export type AgentTotals = Totals & { team: string; agent: string }

export type ModelTotals = {
  model: string
  calls: number
  costUsd: number
  unpriced: number
  input: number
  cachedInput: number
  output: number
  reasoning: number
}

export type Report = {
  from: string
  to: string
  /** Milliseconds since the epoch. */
  since: number
  until: number
  createdAt: number
  timezone: string
  verdict: { status: Status; headline: string; money: string }
  targets: Target[]
  totals: Totals
  savings: Savings
  days: { date: string; totals: Totals; agents: { agent: string; costUsd: number }[] }[]
  /** Dearest first. */
  agents: AgentTotals[]
  /** Calls that upstream answered, most tokens first. */
  models: ModelTotals[]
  quotas: TeamQuota[]
  dearest: (Omit<DearestCall, 'cost'> & { costUsd: number })[]
  availability?: Availability
  forecast?: Forecast
  /** Agents whose semantic cache is in mode `auto`, as they are now. Absent without Redis. */
  semanticAuto?: SemanticAutoStatus[]
  /** What limits the truth of the figures. */
  notes: string[]
}

/** What a report is made of. */
export type Material = {
  range: Range
  timezone: string
  createdAt: number
  /** Sums of each day of the range, in order. */
  days: readonly { date: string; span: Span }[]
  limits: readonly TeamLimits[]
  policy: Policy
  config: ReportConfig
  availability: Availability | undefined
  /** Cost of the month up to the end of the range, and of the whole days by which the rest is estimated. */
  month: { spentUsd: number; samples: readonly { usd: number; calls: number }[] }
  /** Calls that Redis has counted, and rows that wait there. Absent without Redis. */
  live?: { calls: number; waitingRows: number }
  /** Agents whose semantic cache is in mode `auto`. Absent without Redis. */
  semanticAuto?: SemanticAutoStatus[]
  /** Why Redis was not used. */
  trouble?: string
}

export function createReport(material: Material): Report {
  const { range, timezone, createdAt, limits, policy, config, availability, month, semanticAuto } = material
  const total = addSpans(material.days.map(({ span }) => span))
  const totals = totalsOf(total)
  const days = material.days.map(({ date, span }) => ({
    date,
    totals: totalsOf(span),
    agents: span.agents.map(({ team, agent, cost }) => ({ agent: nameOf(team, agent), costUsd: usd(cost) })),
  }))
  const quotas = quotasOf(total, material.days, limits, config.intendedRefusals)
  const targets = targetsOf({ totals, days, quotas, availability }, config.targets)
  const savings = savingsOf(totals, total.models, policy, config.baselineModel)
  const forecast = forecastOf(range.until, timezone, month.spentUsd, month.samples)
  return {
    from: range.days[0].date,
    to: days.at(-1)?.date ?? range.days[0].date,
    since: range.since,
    until: range.until,
    createdAt,
    timezone,
    verdict: verdictOf(totals, targets, savings),
    targets,
    totals,
    savings,
    days,
    agents: total.agents
      .map(({ team, agent }) => ({
        team,
        agent,
        ...totalsOf(total, (row) => row.team === team && row.agent === agent),
      }))
      .toSorted((one, other) => other.costUsd - one.costUsd || other.calls - one.calls),
    models: modelsOf(total),
    quotas,
    dearest: total.dearest.map(({ cost, ...call }) => ({ ...call, costUsd: usd(cost) })),
    ...(availability !== undefined && { availability }),
    ...(forecast !== undefined && { forecast }),
    ...(semanticAuto !== undefined && { semanticAuto }),
    notes: notesOf(material, totals),
  }
}

/** Names an agent; two teams may have one of the same name. */
export const nameOf = (team: string, agent: string): string => `${agent} (${team})`

const modelsOf = ({ models }: Span): ModelTotals[] =>
  grouped(models, ({ model }) => [model])
    .map((rows) => {
      const sum = (name: 'calls' | 'cost' | 'unpriced' | 'input' | 'cached_input' | 'output' | 'reasoning') =>
        rows.reduce((total, row) => total + row[name], 0)
      return {
        model: rows[0].model,
        calls: sum('calls'),
        costUsd: usd(sum('cost')),
        unpriced: sum('unpriced'),
        input: sum('input'),
        cachedInput: sum('cached_input'),
        output: sum('output'),
        reasoning: sum('reasoning'),
      }
    })
    .toSorted((one, other) => other.input + other.output - one.input - one.output)

function verdictOf(totals: Totals, targets: readonly Target[], savings: Savings): Report['verdict'] {
  const titles = (status: Status) =>
    targets.filter((target) => target.status === status).map(({ title }) => title.toLowerCase())
  const [missed, unknown] = [titles('missed'), titles('unknown')]
  const cached = savings.totalUsd - (savings.routing?.usd ?? 0)
  const share =
    cached > 0 ? ` (${percentOf(cached / (totals.costUsd + cached))} of what they would have cost)` : ''
  const money = `The calls cost ${dollars(totals.costUsd)}. Caches saved ${dollars(cached)}${share}${routed(savings)}.`
  if (totals.calls === 0)
    return { status: 'unknown', headline: 'There were no calls.', money: 'Nothing was spent or saved.' }
  const more = unknown.length === 0 ? '' : ` Not measured: ${unknown.join(', ')}.`
  if (missed.length > 0)
    return {
      status: 'missed',
      headline: `${missed.length} of ${targets.length} targets missed: ${missed.join(', ')}.${more}`,
      money,
    }
  const met = targets.length - unknown.length
  return {
    status: unknown.length === 0 ? 'met' : 'unknown',
    headline:
      unknown.length === 0 ? `All ${met} targets met.` : `${met} of ${targets.length} targets met.${more}`,
    money,
  }
}

/** Says what routing saved or cost; each compared with one model for all calls. */
function routed({ routing }: Savings): string {
  if (routing === undefined) return ''
  const { usd, baseline } = routing
  return usd < 0
    ? `; routing cost about ${dollars(-usd)} more than ${baseline} for all calls`
    : `, and routing about ${dollars(usd)}`
}

function notesOf({ range, limits, timezone, live, trouble }: Material, totals: Totals): string[] {
  const rows = totals.calls + totals.ownCalls
  const { endsAt } = range.days.at(-1) ?? { endsAt: range.until }
  const [limit] = limits
  return [
    ...(range.until < endsAt ? ['The last day is not over.'] : []),
    ...(totals.unpriced > 0
      ? [`${counted(totals.unpriced, 'call')} of unknown cost: no sum of money includes them.`]
      : []),
    ...(limit !== undefined && limit.timezone !== timezone
      ? [`Days of this report are those of ${timezone}, days of budgets those of ${limit.timezone}.`]
      : []),
    ...(trouble === undefined ? [] : [`Redis could not be read, so uptime is unknown: ${trouble}.`]),
    ...(live !== undefined && live.waitingRows > 0
      ? [
          `${counted(live.waitingRows, 'row')} still ${live.waitingRows === 1 ? 'waits' : 'wait'} in Redis for Supabase.`,
        ]
      : []),
    // Redis counts a call at its end, so the edges of the range may differ a little.
    ...(live !== undefined && live.calls > rows * 1.01 + 10
      ? [
          `Redis has counted ${counted(live.calls, 'call')}, and Supabase has ${whole(rows)}: some have not arrived.`,
        ]
      : []),
  ]
}
