import { localTime } from '../alerting/day.ts'
import { bar, clip, sparkline } from '../cli/blocks.ts'
import { fit } from '../cli/fit.ts'
import { cents, counted, milliseconds, percentOf, printable, short, whole } from '../cli/format.ts'
import type { Style } from '../cli/style.ts'
import type { AgentRow, Snapshot, TeamRow } from './snapshot.ts'

/** Order of the agents. */
export const SORTS = ['calls', 'cost', 'errors', 'p95'] as const
export type Sort = (typeof SORTS)[number]

export type FrameOptions = {
  columns: number
  /** Absent: as many as are needed. */
  rows?: number
  style: Style
  sort: Sort
  /** Last line: keys. Absent with `--once`. */
  keys?: string
  /** Why the figures are old. Empty: they are not. */
  trouble: string
}

/** Part of a line with its format, so that lines are cut before they are styled. */
type Part = string | { format: Parameters<Style>[0]; text: string }

/** Renders a snapshot as lines: none is longer than `columns`, and there are at most `rows`. */
export function renderFrame(snapshot: Snapshot | undefined, options: FrameOptions): string[] {
  const { rows = Number.POSITIVE_INFINITY, keys, trouble } = options
  const head: Part[][] =
    snapshot === undefined ? [[{ format: 'bold', text: 'LLM gateway' }]] : headOf(snapshot, options)
  if (trouble !== '')
    head.splice(1, 0, [{ format: 'red', text: `Redis cannot be read: ${printable(trouble)}` }])
  const foot: Part[][] = keys === undefined ? [] : [[{ format: 'dim', text: keys }]]
  const table = snapshot === undefined ? [] : tableOf(snapshot, options)
  const room = Math.max(0, rows - foot.length)
  const body = [...head, ...table].slice(0, room)
  // Keys are in the last line of the terminal.
  while (foot.length > 0 && body.length < room && Number.isFinite(room)) body.push([''])
  return [...body, ...foot].slice(0, rows).map((parts) => line(parts, options))
}

/** Joins the parts of a line, and cuts it to the width of the terminal. */
function line(parts: Part[], { columns, style }: FrameOptions): string {
  let left = columns
  return parts
    .map((part) => {
      const text = clip(typeof part === 'string' ? part : part.text, left)
      left -= [...text].length
      return typeof part === 'string' || text === '' ? text : style(part.format, text)
    })
    .join('')
}

function headOf(snapshot: Snapshot, options: FrameOptions): Part[][] {
  const { at, timezone, window, rate, costTodayUsd, savedTodayUsd, firing, policyTrouble } = snapshot
  const { date, time } = localTime(at, timezone)
  const alerts: Part =
    firing.length > 0
      ? { format: 'red', text: `firing: ${firing.join(', ')}` }
      : { format: 'green', text: 'no alert is firing' }
  const hits = hitsOf(window.hits)
  return [
    [{ format: 'bold', text: 'LLM gateway' }, `  ${date} ${time} ${timezone}  `, alerts],
    ...flow(
      [
        [label('Calls'), `${perMinute(rate)}/min`],
        [label('Hits'), rateOf(hits, window.calls)],
        [label('p95'), window.latency === undefined ? '-' : milliseconds(window.latency.p95)],
        [label('Errors'), errors(window.errors, window.calls)],
        [label('Today'), `${cents(costTodayUsd)}, saved ${cents(savedTodayUsd)}`],
      ],
      options,
    ),
    ...teamLines(snapshot.teams.toSorted(byShare).slice(0, teamsIn(options.rows)), options),
    ...flow(systemGroups(snapshot), options),
    ...(policyTrouble === ''
      ? []
      : [[{ format: 'red', text: `Live policy refused: ${printable(policyTrouble)}` } as const]]),
  ]
}

const label = (text: string): Part => ({ format: 'dim', text: `${text} ` })
const perMinute = (rate: number) => (rate > 0 && rate < 10 ? rate.toFixed(1) : short(rate))
const rateOf = (part: number, all: number) => (all === 0 ? '-' : percentOf(part / all))

function errors(count: number, calls: number): Part {
  const text = rateOf(count, calls)
  return calls > 0 && count / calls > 0.05 ? { format: 'red', text } : text
}

const shareOf = ({ costTodayUsd, capUsd }: TeamRow) => (capUsd === undefined ? 0 : costTodayUsd / capUsd)
const byShare = (one: TeamRow, other: TeamRow) =>
  shareOf(other) - shareOf(one) || (one.team < other.team ? -1 : 1)

/** Teams that are shown: fewer on a short terminal, so that agents have room. */
const teamsIn = (rows = Number.POSITIVE_INFINITY) => Math.min(6, Math.max(2, rows - 12))

/** Least width of the bar of a team; narrower, its rate is left out. */
const MIN_BAR = 10

function teamLines(rows: TeamRow[], { columns }: FrameOptions): Part[][] {
  const money = rows.map(({ costTodayUsd, capUsd }) =>
    capUsd === undefined ? cents(costTodayUsd) : `${cents(costTodayUsd)}/${cents(capUsd)}`,
  )
  const percents = rows.map((row) => (row.capUsd === undefined ? '' : percentOf(shareOf(row))))
  const rates = rows.map(
    ({ rate, rpm }) => `${perMinute(rate)}${rpm === undefined ? '' : `/${whole(rpm)}`} calls/min`,
  )
  const names = rows.map(({ team }) => clip(printable(team), 20))
  const most = (texts: string[]) => Math.max(0, ...texts.map((text) => [...text].length))
  // Two brackets, and a space before each part.
  const left = columns - most(names) - most(money) - most(percents) - 5
  const hasRates = left - most(rates) - 2 >= MIN_BAR
  const width = Math.max(1, Math.min(40, hasRates ? left - most(rates) - 2 : left))
  return rows.map((row, at) => {
    const share = shareOf(row)
    const format = share >= 1 ? 'red' : share >= 0.8 ? 'yellow' : 'green'
    return [
      `${(names[at] ?? '').padEnd(most(names))} `,
      { format: 'dim', text: '[' },
      { format, text: bar(row.costTodayUsd, row.capUsd ?? 0, width) },
      { format: 'dim', text: ']' },
      ` ${(money[at] ?? '').padStart(most(money))}`,
      ` ${(percents[at] ?? '').padStart(most(percents))}`,
      ...(hasRates ? [`  ${(rates[at] ?? '').padStart(most(rates))}`] : []),
    ]
  })
}

/** Places groups of parts side by side, and on a further line where a line is full. */
function flow(groups: Part[][], { columns }: FrameOptions): Part[][] {
  const lengthOf = (parts: Part[]) =>
    parts.reduce((sum, part) => sum + [...(typeof part === 'string' ? part : part.text)].length, 0)
  const lines: Part[][] = []
  for (const group of groups) {
    const last = lines.at(-1)
    if (last !== undefined && lengthOf(last) + 2 + lengthOf(group) <= columns) last.push('  ', ...group)
    else lines.push([...group])
  }
  return lines
}

const MEBIBYTE = 1_048_576

function systemGroups({ redis, waitingRows, monitors }: Snapshot): Part[][] {
  const { usedBytes, maxBytes, clients, commandsPerSecond, latencyMs, evictedKeys } = redis
  const mebibytes = (bytes: number) => (bytes / MEBIBYTE).toFixed(0)
  const isFull = maxBytes !== undefined && usedBytes > 0.9 * maxBytes
  const memory = `${mebibytes(usedBytes)}${maxBytes === undefined ? '' : `/${mebibytes(maxBytes)}`} MiB`
  const silent = monitors.filter(({ isSilent }) => isSilent).length
  return [
    [
      label('Redis'),
      isFull ? { format: 'red', text: memory } : memory,
      `, ${counted(clients, 'client')}, ${short(commandsPerSecond)} commands/s, ${latencyMs.toFixed(1)} ms`,
      ...(evictedKeys > 0 ? [{ format: 'red', text: `, ${short(evictedKeys)} evicted` } as const] : []),
    ],
    [label('Rows waiting'), waitingRows > 0 ? { format: 'yellow', text: whole(waitingRows) } : '0'],
    [
      label('Monitors'),
      monitors.length === 0
        ? { format: 'yellow', text: 'none' }
        : silent > 0
          ? { format: 'red', text: `${silent} of ${monitors.length} silent` }
          : whole(monitors.length),
    ],
  ]
}

const ORDER: Record<Sort, (row: AgentRow) => number> = {
  calls: ({ rate }) => rate,
  cost: ({ costTodayUsd }) => costTodayUsd,
  errors: ({ window }) => (window.calls === 0 ? 0 : window.errors / window.calls),
  p95: ({ window }) => window.latency?.p95 ?? 0,
}

function tableOf({ agents, windowSeconds }: Snapshot, { columns, sort }: FrameOptions): Part[][] {
  if (agents.length === 0) return [[''], [{ format: 'dim', text: 'No calls today.' }]]
  const sorted = agents.toSorted(
    (one, other) =>
      ORDER[sort](other) - ORDER[sort](one) ||
      other.costTodayUsd - one.costTodayUsd ||
      (one.agent < other.agent ? -1 : 1),
  )
  const failed = sorted.map(({ window }) => errors(window.errors, window.calls))
  const number = (
    name: Sort | '',
    title: string,
    min: number,
    cell: (row: AgentRow) => string,
    rank?: number,
  ) => ({
    title: sort === name ? `${title}▾` : title,
    cells: sorted.map(cell),
    isNumber: true,
    min,
    ...(rank !== undefined && { rank }),
  })
  const { shown, rows } = fit(
    [
      { title: 'AGENT', cells: sorted.map(({ agent }) => agent), min: 12 },
      { title: 'TEAM', cells: sorted.map(({ team }) => team), min: 9, rank: 2 },
      number('calls', 'CALLS/MIN', 10, ({ rate }) => perMinute(rate)),
      number('', 'HITS', 6, ({ window }) => rateOf(hitsOf(window.hits), window.calls), 1),
      number('p95', 'P95', 6, ({ window }) =>
        window.latency === undefined ? '-' : milliseconds(window.latency.p95),
      ),
      number('errors', 'ERRORS', 7, (row) => textOf(failed[sorted.indexOf(row)] ?? '')),
      number('', 'REFUSED', 7, ({ window }) => whole(window.refused), 3),
      number('cost', 'TODAY', 9, ({ costTodayUsd }) => cents(costTodayUsd)),
      { title: 'LAST 20 MINUTES', cells: sorted.map(({ history }) => sparkline(history)), min: 20, rank: 4 },
    ],
    columns,
    columns < 100 ? 1 : 2,
  )
  const gap = columns < 100 ? ' ' : '  '
  const [head = [], ...body] = rows
  return [
    [{ format: 'dim', text: `Rates of the last ${windowSeconds} s` }],
    [{ format: 'bold', text: head.join(gap).trimEnd() }],
    ...body.map((cells, row) =>
      cells.map((cell, at): Part => {
        const text = at === 0 ? cell : `${gap}${cell}`
        const fault = failed[row]
        if (shown[at] === 5 && typeof fault === 'object') return { ...fault, text }
        return shown[at] === 8 ? { format: 'dim', text } : text
      }),
    ),
  ]
}

const hitsOf = (hits: Record<string, number>) => Object.values(hits).reduce((sum, count) => sum + count, 0)
const textOf = (part: Part) => (typeof part === 'string' ? part : part.text)
