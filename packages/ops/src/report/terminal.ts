import { bar, clip, sparkline, wrap } from '../cli/blocks.ts'
import { counted, dollars, milliseconds, monthName, percentOf, printable, shortDate } from '../cli/format.ts'
import { balanceOf, evidenceOf, reasonOf, stateOf } from '../cli/semantic-auto.ts'
import { nameOf, type Report } from './report.ts'
import type { Savings } from './savings.ts'
import type { Status } from './targets.ts'
import { agents, dearest, models, type Options, quotas, title } from './terminal-tables.ts'

const COLOURS = { met: 'green', missed: 'red', unknown: 'yellow' } as const
const MARKS: Record<Status, string> = { met: 'met', missed: 'MISSED', unknown: 'unknown' }
/** Days that are shown as bars, one a line. */
const MAX_DAYS = 31

/** Renders a report for a terminal of 60 columns or more. */
export function renderTerminal(report: Report, options: Options): string {
  const sections = [
    head(report, options),
    targets(report, options),
    days(report, options),
    savings(report.savings, options),
    semanticAuto(report, options),
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
      // What is unknown has said so in its first column.
      `${style(COLOURS[status], MARKS[status].padEnd(8))}${title.padEnd(22)}${(status === 'unknown' ? '-' : valueText).padStart(10)}   ${style('dim', targetText)}`,
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
  const most = Math.max(...rows.map(([, usd]) => Math.abs(usd)))
  return [
    title(`Savings: ${dollars(totalUsd)}`, options),
    ...rows.map(
      ([label, usd]) =>
        `${label.padEnd(20)}${options.style(usd < 0 ? 'red' : 'green', bar(Math.abs(usd), most, options.columns - 34))}${dollars(usd).padStart(12)}`,
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

function semanticAuto({ semanticAuto = [], createdAt }: Report, options: Options): string[] {
  if (semanticAuto.length === 0) return []
  const lines = semanticAuto.flatMap((status) => [
    ...wrap(
      printable(`${nameOf(status.team, status.agent)}: ${stateOf(status, createdAt)}. ${reasonOf(status)}`),
      options.columns,
    ),
    ...[evidenceOf(status), balanceOf(status)].flatMap((text) =>
      wrap(text, options.columns - 2).map((line) => options.style('dim', `  ${line}`)),
    ),
  ])
  return [title('Semantic cache in mode auto', options), ...lines]
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
