import { bar, clip, sparkline, wrap } from '../cli/blocks.ts'
import {
  counted,
  dollars,
  milliseconds,
  monthName,
  percentOf,
  printable,
  short,
  shortDate,
  whole,
} from '../cli/format.ts'
import type { Style } from '../cli/style.ts'
import type { Report } from './report.ts'
import type { Savings } from './savings.ts'
import type { Status } from './targets.ts'

const COLOURS = { met: 'green', missed: 'red', unknown: 'yellow' } as const
const MARKS: Record<Status, string> = { met: 'met', missed: 'MISSED', unknown: 'unknown' }
const MAX_ROWS = 15
/** Days that are shown as bars, one a line. */
const MAX_DAYS = 31

type Options = { columns: number; style: Style }

/** Renders a report for a terminal of 60 columns or more. */
export function renderTerminal(report: Report, options: Options): string {
  const sections = [
    head(report, options),
    targets(report, options),
    days(report, options),
    savings(report.savings, options),
    agents(report, options),
    models(report, options),
    quotas(report, options),
    dearest(report, options),
    forecast(report, options),
    notes(report, options),
  ]
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')
}

const title = (text: string, { style }: Options) => style('bold', text.toUpperCase())

function head({ from, to, timezone, verdict }: Report, { columns, style }: Options): string[] {
  const year = to.slice(0, 4)
  return [
    style('dim', `LLM gateway, ${shortDate(from)} to ${shortDate(to)} ${year} (${timezone})`),
    '',
    ...wrap(verdict.headline, columns).map((line) => style('bold', style(COLOURS[verdict.status], line))),
    ...wrap(verdict.money, columns),
  ]
}

function targets(report: Report, options: Options): string[] {
  const { style, columns } = options
  return [
    title('Targets of the week', options),
    ...report.targets.flatMap(({ title, status, valueText, targetText, detail }) => [
      `${style(COLOURS[status], MARKS[status].padEnd(8))}${title.padEnd(22)}${valueText.padStart(10)}   ${style('dim', targetText)}`,
      ...wrap(printable(detail), columns - 8).map((line) => `        ${style('dim', line)}`),
    ]),
  ]
}

function days(report: Report, options: Options): string[] {
  const { style, columns } = options
  const limit = report.targets.find(({ name }) => name === 'spend')?.target ?? Number.POSITIVE_INFINITY
  const of = (values: number[]) => sparkline(values)
  const trend = (label: string, values: number[], last: string) =>
    `${label.padEnd(16)}${of(values)}  ${style('dim', last)}`
  const totals = report.days.map(({ totals }) => totals)
  const costs = totals.map(({ costUsd }) => costUsd)
  const most = Math.max(...costs)
  const rows = report.days.slice(-MAX_DAYS).map(({ date, totals: { costUsd, calls } }) => {
    const drawn = bar(costUsd, most, columns - 38)
    return `${shortDate(date).padEnd(8)}${style(costUsd >= limit ? 'red' : 'green', drawn)}${dollars(costUsd).padStart(12)}${style('dim', counted(calls, 'call').padStart(18))}`
  })
  const range = (values: (number | undefined)[], format: (value: number) => string) => {
    const known = values.filter((value) => value !== undefined)
    return known.length === 0 ? 'unknown' : `${format(Math.min(...known))} to ${format(Math.max(...known))}`
  }
  const hitRates = totals.map(({ hitRate }) => hitRate)
  const p95s = totals.map(({ p95Ms }) => p95Ms)
  const errorRates = totals.map(({ errorRate }) => errorRate)
  return [
    title('Spend a day', options),
    ...rows,
    ...(report.days.length === 1
      ? []
      : [
          '',
          trend(
            'Hit rate',
            hitRates.map((value = 0) => value),
            range(hitRates, percentOf),
          ),
          trend(
            'p95',
            p95s.map((value = 0) => value),
            range(p95s, milliseconds),
          ),
          trend(
            'Errors',
            errorRates.map((value = 0) => value),
            range(errorRates, percentOf),
          ),
        ]),
  ]
}

function savings({ routing, totalUsd, ...savings }: Savings, options: Options): string[] {
  const rows: [string, number][] = [
    ['Exact cache', savings.exactUsd],
    ['Semantic cache', savings.semanticUsd],
    ['Coalescing', savings.coalescingUsd],
    ['Stale answers', savings.staleUsd],
    ...(routing === undefined ? [] : ([[`Routing (estimate)`, routing.usd]] as [string, number][])),
  ]
  const most = Math.max(...rows.map(([, usd]) => usd))
  return [
    title(`Savings: ${dollars(totalUsd)}`, options),
    ...rows.map(
      ([label, usd]) =>
        `${label.padEnd(20)}${options.style('green', bar(usd, most, options.columns - 34))}${dollars(usd).padStart(12)}`,
    ),
    ...(routing === undefined
      ? []
      : [
          options.style(
            'dim',
            clip(`Routing: compared with ${printable(routing.baseline)} for all calls.`, options.columns),
          ),
        ]),
  ]
}

function agents({ agents }: Report, options: Options): string[] {
  if (agents.length === 0) return []
  const name = options.columns - 52
  const half = Math.floor(name * 0.55)
  return [
    title('Cost by agent', options),
    options.style(
      'dim',
      `${'agent'.padEnd(half)}${'team'.padEnd(name - half)}${'calls'.padStart(10)}${'hits'.padStart(9)}${'p95'.padStart(10)}${'errors'.padStart(9)}${'cost'.padStart(13)}`,
    ),
    ...agents.slice(0, MAX_ROWS).map((row) => {
      const rates = `${rate(row.hitRate).padStart(9)}${(row.p95Ms === undefined ? '-' : milliseconds(row.p95Ms)).padStart(10)}${rate(row.errorRate).padStart(9)}`
      return `${cell(row.agent, half)}${cell(row.team, name - half)}${short(row.calls).padStart(10)}${rates}${dollars(row.costUsd).padStart(13)}`
    }),
    ...more(agents.length, options),
  ]
}

const rate = (share: number | undefined) => (share === undefined ? '-' : percentOf(share))
const cell = (text: string, width: number) => clip(printable(text), width - 1).padEnd(width)
const more = (count: number, { style }: Options) =>
  count > MAX_ROWS ? [style('dim', `and ${whole(count - MAX_ROWS)} more`)] : []

function models({ models }: Report, options: Options): string[] {
  if (models.length === 0) return []
  const name = options.columns - 56
  return [
    title('Tokens by model', options),
    options.style(
      'dim',
      `${'model'.padEnd(name)}${'calls'.padStart(10)}${'input'.padStart(11)}${'of it cached'.padStart(14)}${'output'.padStart(10)}${'cost'.padStart(11)}`,
    ),
    ...models
      .slice(0, MAX_ROWS)
      .map(
        ({ model, calls, input, cachedInput, output, costUsd }) =>
          `${cell(model, name)}${short(calls).padStart(10)}${short(input).padStart(11)}${short(cachedInput).padStart(14)}${short(output).padStart(10)}${dollars(costUsd).padStart(11)}`,
      ),
    ...more(models.length, options),
  ]
}

function quotas({ quotas }: Report, options: Options): string[] {
  if (quotas.length === 0) return []
  const name = options.columns - 58
  const used = (value: number, limit: number | undefined) =>
    limit === undefined ? short(value) : `${short(value)}/${short(limit)}`
  return [
    title('Quotas by team', options),
    options.style(
      'dim',
      `${'team'.padEnd(name)}${'dearest day / cap'.padStart(20)}${'requests/min'.padStart(13)}${'tokens/min'.padStart(16)}${'refused'.padStart(9)}`,
    ),
    ...quotas.slice(0, MAX_ROWS).map((row) => {
      const cap = row.capUsd === undefined ? '' : ` / ${dollars(row.capUsd)}`
      const refused = row.refusals.reduce((sum, { calls }) => sum + calls, 0)
      const line = `${cell(row.team, name)}${`${dollars(row.dearestDay?.usd ?? 0)}${cap}`.padStart(20)}${used(row.busiestRequests, row.rpm).padStart(13)}${used(row.busiestTokens, row.tpm).padStart(16)}${whole(refused).padStart(9)}`
      return row.violations > 0 ? options.style('red', line) : line
    }),
    ...more(quotas.length, options),
  ]
}

function dearest({ dearest, timezone }: Report, options: Options): string[] {
  if (dearest.length === 0) return []
  const name = options.columns - 55
  const time = new Intl.DateTimeFormat('en-GB', {
    timeZone: timezone,
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  })
  return [
    title('Dearest requests', options),
    ...dearest.map(
      (call) =>
        `${dollars(call.costUsd).padStart(11)}  ${time.format(call.at).padEnd(15)}${cell(call.agent, name)}${cell(call.model, 15)}${`${short(call.input ?? 0)}+${short(call.output ?? 0)}`.padStart(12)}`,
    ),
    options.style('dim', 'Cost, time, agent, model, tokens of input and output.'),
  ]
}

function forecast({ forecast }: Report, options: Options): string[] {
  if (forecast === undefined) return []
  const { month, expectedUsd, lowUsd, highUsd, spentUsd, daysLeft, sampledDays } = forecast
  const text = `${dollars(expectedUsd)}, probably ${dollars(lowUsd)} to ${dollars(highUsd)}: ${dollars(spentUsd)} are spent, and time left: ${counted(Number(daysLeft.toFixed(1)), 'day')} (mean of the last ${counted(sampledDays, 'whole day')}).`
  return [title(`Forecast of ${monthName(month)}`, options), ...wrap(text, options.columns)]
}

const notes = ({ notes }: Report, options: Options): string[] =>
  notes.length === 0
    ? []
    : [title('Notes', options), ...notes.flatMap((note) => wrap(printable(note), options.columns))]
