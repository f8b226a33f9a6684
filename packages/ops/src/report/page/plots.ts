import { dollars, monthName, percent, roundDollars, short, shortDate } from '../../cli/format.ts'
import { COLOURS, dayAxis, type Plot, targetLegend, targetLine, valueAxis } from '../../page/draw.ts'
import { nameOf, type Report } from '../report.ts'
import type { Target } from '../targets.ts'

/** Agents with a colour of their own. */
const MAX_AGENTS = 5

const labelsOf = ({ days }: Report) => days.map(({ date }) => shortDate(date))
const targetOf = ({ targets }: Report, name: Target['name']) =>
  targets.find((target) => target.name === name)?.target ?? 0
const colourOf = (at: number) => COLOURS[at % COLOURS.length] ?? ''

/** Returns the largest value of an axis on which a target's line is visible, unless the values are far below it. */
const maxOf = (values: readonly number[], target: number) => {
  const most = Math.max(0, ...values)
  return most * 3 >= target ? Math.max(most, target) * 1.1 : undefined
}

const MONEY_AXIS = (value: number) => (value >= 10_000 ? `$${short(value)}` : roundDollars(value))

/** Cost of each day by agent. */
export function spendPlot(report: Report): Plot {
  const names = report.agents.slice(0, MAX_AGENTS).map(({ team, agent }) => nameOf(team, agent))
  const others = report.agents.length > MAX_AGENTS
  const series = [...names, ...(others ? ['all others'] : [])]
  const value = (name: string, agents: Report['days'][number]['agents']) =>
    agents
      .filter(({ agent }) => (name === 'all others' ? !names.includes(agent) : agent === name))
      .reduce((sum, { costUsd }) => sum + costUsd, 0)
  const target = targetOf(report, 'spend')
  const max = maxOf(
    report.days.map(({ totals }) => totals.costUsd),
    target,
  )
  return {
    title: 'Spend a day, by agent',
    description: `Cost of each day by agent: ${report.days.map(({ date, totals }) => `${shortDate(date)} ${dollars(totals.costUsd)}`).join(', ')}`,
    legend: [
      ...series.map((name, at) => ({ name, colour: colourOf(at) })),
      ...(max === undefined ? [] : [targetLegend(MONEY_AXIS(target))]),
    ],
    option: () => ({
      xAxis: dayAxis(labelsOf(report)),
      yAxis: { ...valueAxis(MONEY_AXIS), ...(max !== undefined && { ...scaleAbove(max) }) },
      series: series.map((name, at) => ({
        type: 'bar',
        stack: 'cost',
        silent: true,
        barMaxWidth: 48,
        color: colourOf(at),
        data: report.days.map(({ agents }) => value(name, agents)),
        ...(at === 0 && max !== undefined && { markLine: targetLine(target) }),
      })),
    }),
  }
}

/** Share of hits of each day, by the cache that answered. */
export function hitRatePlot(report: Report): Plot {
  const kinds = [
    ['exact', 'exact cache'],
    ['semantic', 'semantic cache'],
    ['flight', 'coalescing'],
    ['stale', 'stale answers'],
  ] as const
  const target = targetOf(report, 'hit-rate')
  const rates = report.days.map(({ totals }) => 100 * (totals.hitRate ?? 0))
  return {
    title: 'Cache hit rate',
    description: `Share of calls that caches answered: ${report.days.map(({ date }, at) => `${shortDate(date)} ${percent(rates[at] ?? 0)}`).join(', ')}`,
    legend: [...kinds.map(([, name], at) => ({ name, colour: colourOf(at) })), targetLegend(`${target} %`)],
    option: () => ({
      xAxis: dayAxis(labelsOf(report)),
      yAxis: {
        ...valueAxis((value) => `${value} %`),
        max: Math.min(100, Math.ceil((Math.max(target, ...rates) * 1.15) / 10) * 10),
      },
      series: kinds.map(([kind], at) => ({
        type: 'bar',
        stack: 'hits',
        silent: true,
        barMaxWidth: 48,
        color: colourOf(at),
        data: report.days.map(({ totals }) =>
          totals.asked === 0 ? 0 : (100 * totals.hits[kind]) / totals.asked,
        ),
        ...(at === 0 && { markLine: targetLine(target) }),
      })),
    }),
  }
}

type Line = { name: string; values: (number | undefined)[]; colour: string }

function linePlot(
  report: Report,
  shown: { title: string; format: (value: number) => string; target: number; lines: Line[] },
): Plot {
  const { title, format, target, lines } = shown
  const max = maxOf(
    lines.flatMap(({ values }) => values.filter((value) => value !== undefined)),
    target,
  )
  const last = lines.at(-1)
  return {
    title,
    description: `${title}: ${report.days.map(({ date }, at) => `${shortDate(date)} ${last?.values[at] === undefined ? 'no calls' : format(last.values[at])}`).join(', ')}`,
    legend: [
      ...lines.map(({ name, colour }) => ({ name, colour })),
      ...(max === undefined ? [] : [targetLegend(format(target))]),
    ],
    option: () => ({
      xAxis: { ...dayAxis(labelsOf(report)), boundaryGap: report.days.length < 3 },
      yAxis: { ...valueAxis(format), ...(max !== undefined && { ...scaleAbove(max) }) },
      series: lines.map(({ values, colour }, at) => ({
        type: 'line',
        silent: true,
        symbol: 'circle',
        symbolSize: 6,
        color: colour,
        lineStyle: { width: 2.5 },
        data: values.map((value) => value ?? null),
        ...(at === 0 && max !== undefined && { markLine: targetLine(target) }),
      })),
    }),
  }
}

/** Returns the end of an axis above a value, and the distance of its ticks: 1, 2 or 5 times a power of ten. */
function scaleAbove(value: number): { max: number; interval: number } {
  const rough = value / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const interval = power * ([1, 2, 5].find((step) => step * power >= rough) ?? 10)
  return { max: Math.ceil(value / interval) * interval, interval }
}

/** Time on an axis: short, and in one unit where there are seconds. */
const axisTime = (ms: number) =>
  ms === 0 ? '0' : ms < 1_000 ? `${Math.round(ms)} ms` : `${Number((ms / 1_000).toPrecision(3))} s`

export const latencyPlot = (report: Report): Plot =>
  linePlot(report, {
    title: 'Latency',
    format: axisTime,
    target: targetOf(report, 'latency') * 1_000,
    lines: [
      {
        name: 'p50: half of the calls',
        values: report.days.map(({ totals }) => totals.p50Ms),
        colour: colourOf(4),
      },
      {
        name: 'p95: 19 of 20 calls',
        values: report.days.map(({ totals }) => totals.p95Ms),
        colour: colourOf(0),
      },
    ],
  })

export const errorPlot = (report: Report): Plot =>
  linePlot(report, {
    title: 'Errors',
    format: (value) => `${Number(value.toPrecision(2))} %`,
    target: targetOf(report, 'errors'),
    lines: [
      {
        name: 'errors',
        values: report.days.map(({ totals: { errorRate } }) =>
          errorRate === undefined ? undefined : 100 * errorRate,
        ),
        colour: colourOf(5),
      },
    ],
  })

/** What each cause has saved. */
export function savingsPlot({ savings }: Report): Plot {
  const rows: [string, number][] = [
    ['Exact cache', savings.exactUsd],
    ['Semantic cache', savings.semanticUsd],
    ['Coalescing', savings.coalescingUsd],
    ['Stale answers', savings.staleUsd],
    ...(savings.routing === undefined
      ? []
      : ([['Routing, about', savings.routing.usd]] as [string, number][])),
  ]
  return {
    title: 'Savings by cause',
    description: rows.map(([name, usd]) => `${name} ${dollars(usd)}`).join(', '),
    legend: [],
    option: (isNarrow) => ({
      // The width of texts is estimated, without the reader's font.
      grid: { left: 16, right: isNarrow ? 70 : 80, top: 4, bottom: 4, outerBoundsMode: 'same' },
      xAxis: {
        ...valueAxis(MONEY_AXIS),
        splitNumber: 3,
        axisLabel: { show: false },
        splitLine: { show: false },
        min: Math.min(0, ...rows.map(([, usd]) => usd)),
        max: 'dataMax' as const,
      },
      yAxis: { ...dayAxis(rows.map(([name]) => name)), inverse: true },
      series: [
        {
          type: 'bar',
          silent: true,
          barMaxWidth: 26,
          data: rows.map(([, usd]) => ({
            value: usd,
            itemStyle: { color: usd < 0 ? 'var(--bad)' : colourOf(2) },
          })),
          label: {
            show: true,
            position: 'right',
            color: 'var(--ink)',
            formatter: ({ dataIndex }) => dollars(rows[dataIndex]?.[1] ?? 0),
          },
        },
      ],
    }),
  }
}

/** Cost of the month, day by day, and its expected rest. The axis counts days from the start of the month. */
export function forecastPlot({ forecast, days }: Report): Plot | undefined {
  if (forecast === undefined) return undefined
  const { month, spentUsd, expectedUsd, lowUsd, highUsd, daysLeft } = forecast
  const length = new Date(Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)), 0)).getUTCDate()
  const now = length - daysLeft
  const inMonth = days.filter(({ date }) => date.startsWith(month))
  let sum = Math.max(0, spentUsd - inMonth.reduce((sum, { totals }) => sum + totals.costUsd, 0))
  const spent: [number, number][] = [[0, 0]]
  for (const { date, totals } of inMonth) {
    const day = Number(date.slice(8))
    // Days before the report are one straight line.
    if (spent.length === 1) spent.push([day - 1, sum])
    sum += totals.costUsd
    spent.push([Math.min(day, now), sum])
  }
  const line = { type: 'line' as const, silent: true, showSymbol: false }
  const rest = (end: number): [number, number][] => [
    [now, spentUsd],
    [length, end],
  ]
  return {
    title: `Spend of ${monthName(month)}`,
    description: `${dollars(spentUsd)} are spent; expected for the month: ${dollars(expectedUsd)}`,
    legend: [
      { name: `spent: ${dollars(spentUsd)}`, colour: colourOf(0) },
      { name: `expected: ${dollars(expectedUsd)}`, colour: colourOf(1) },
    ],
    option: (isNarrow) => ({
      xAxis: {
        ...valueAxis((day) => (day === 0 ? '' : `day ${day}`)),
        max: length,
        interval: isNarrow ? 10 : 5,
        splitLine: { show: false },
      },
      yAxis: valueAxis(MONEY_AXIS),
      series: [
        { ...line, stack: 'band', lineStyle: { width: 0 }, data: rest(lowUsd) },
        {
          ...line,
          stack: 'band',
          lineStyle: { width: 0 },
          areaStyle: { color: colourOf(1), opacity: 0.25 },
          data: [
            [now, 0],
            [length, highUsd - lowUsd],
          ],
        },
        { ...line, color: colourOf(1), lineStyle: { width: 2.5, type: 'dashed' }, data: rest(expectedUsd) },
        { ...line, color: colourOf(0), lineStyle: { width: 2.5 }, data: spent },
      ],
    }),
  }
}
