import { bytes, counted, dollars, percent, printable, roundDollars, short } from '../cli/format.ts'
import { escapeHtml } from '../core/escape-html.ts'
import { COLOURS, dayAxis, drawPlot, type Plot, valueAxis } from '../page/draw.ts'
import { STYLE } from '../page/style.ts'
import { table } from '../page/table.ts'
import type { Past } from './calls.ts'
import { hitRate, type Outcome, refusals } from './outcome.ts'
import { figureRows, sweptField, sweptValue, unpricedLines } from './render.ts'

/** What a page shows: the calls, what became of them side by side, and the outcomes of a sweep, if there was one. */
export type Shown = { past: readonly Past[]; outcomes: Outcome[]; sweep: Outcome[]; timezone: string }

/** Longest name on an axis or in a legend, in UTF-16 code units. */
const MAX_NAME = 40

/** Renders a simulation as one page that needs no other file, no network and no script. */
export function renderPage({ past, outcomes, sweep, timezone }: Shown): string {
  const day = (at = 0) => new Date(at).toISOString().slice(0, 10)
  const range = `${counted(past.length, 'call')} from ${day(past[0]?.row.at)} to ${day(past.at(-1)?.row.at)}`
  const field = printable(sweptField(sweep))
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>LLM gateway, a simulation</title><style>${STYLE}</style></head>
<body><main>
<h1>LLM gateway, a simulation</h1>
<p class="range">${escapeHtml(range)} · days of ${escapeHtml(timezone)}</p>
${
  sweep.length === 0
    ? ''
    : `<h2>By ${escapeHtml(field)}</h2><div class="plots">${sweepPlots(sweep).map(drawPlot).join('\n')}</div>
<h2>Its figures</h2>
${tableOf(sweep, sweptValue)}`
}
<h2>Day by day</h2>
<div class="plots">${drawPlot(daysPlot(outcomes))}</div>
<h2>Side by side</h2>
${tableOf(outcomes, ({ name }) => name)}
${unpricedLines([...outcomes, ...sweep])
  .map((line) => `<p class="notes">${escapeHtml(printable(line))}</p>`)
  .join('\n')}
<p class="notes">Nothing was called. What is assumed: docs/simulate.md.</p>
</main></body></html>
`
}

const nameOf = (name: string) => printable(name.length > MAX_NAME ? `${name.slice(0, MAX_NAME)}…` : name)
const colourOf = (at: number) => COLOURS[at % COLOURS.length] ?? ''

const tableOf = (outcomes: readonly Outcome[], name: (outcome: Outcome) => string) =>
  table(['', ...outcomes.map((outcome) => nameOf(name(outcome)))], figureRows(outcomes))

type Curve = { title: string; format: (value: number) => string; of: (outcome: Outcome) => number }

const CURVES: readonly Curve[] = [
  { title: 'Hit rate', format: (value) => percent(value), of: (outcome) => 100 * hitRate(outcome) },
  { title: 'Spent', format: money, of: ({ costUsd }) => costUsd },
  { title: 'Refused calls', format: (value) => short(value), of: refusals },
  { title: 'Memory of Redis', format: (value) => bytes(value), of: ({ redis }) => redis?.peakBytes ?? 0 },
]

function money(value: number): string {
  return value >= 10_000 ? `$${short(value)}` : roundDollars(value)
}

/** One plot for each figure that a sweep may change, over the values of its field. */
const sweepPlots = (sweep: readonly Outcome[]): Plot[] =>
  CURVES.map(({ title, format, of }, at) => ({
    title,
    description: `${title}: ${sweep.map((outcome) => `${nameOf(sweptValue(outcome))} ${format(of(outcome))}`).join(', ')}`,
    legend: [],
    option: () => ({
      xAxis: {
        ...dayAxis(sweep.map((outcome) => nameOf(sweptValue(outcome)))),
        boundaryGap: sweep.length < 3,
      },
      yAxis: {
        ...valueAxis(format),
        ...(sweep.every((outcome) => of(outcome) === 0) && { max: 1, interval: 1 }),
      },
      series: [
        {
          type: 'line' as const,
          silent: true,
          symbol: 'circle',
          symbolSize: 7,
          color: colourOf(at),
          lineStyle: { width: 2.5 },
          data: sweep.map(of),
        },
      ],
    }),
  }))

/** Cost of each day, a line for each outcome. */
function daysPlot(outcomes: readonly Outcome[]): Plot {
  const days = [...new Set(outcomes.flatMap((outcome) => Object.keys(outcome.days)))].toSorted()
  const total = ({ name, costUsd }: Outcome) => `${nameOf(name)} ${dollars(costUsd)}`
  return {
    title: 'Spend a day',
    description: `Cost of ${counted(days.length, 'day')}: ${outcomes.map(total).join(', ')}`,
    legend: outcomes.map((outcome, at) => ({ name: total(outcome), colour: colourOf(at) })),
    option: () => ({
      xAxis: { ...dayAxis(days.map((day) => day.slice(5))), boundaryGap: days.length < 3 },
      yAxis: valueAxis(money),
      series: outcomes.map((outcome, at) => ({
        type: 'line' as const,
        silent: true,
        symbol: 'circle',
        symbolSize: 5,
        color: colourOf(at),
        lineStyle: { width: 2 },
        data: days.map((day) => outcome.days[day] ?? 0),
      })),
    }),
  }
}
