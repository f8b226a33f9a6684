import { localTime } from '../alerting/day.ts'
import { bar, clip, sparkline } from '../cli/blocks.ts'
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
  const hits = Object.values(window.hits).reduce((sum, count) => sum + count, 0)
  return [
    [{ format: 'bold', text: 'LLM gateway' }, `  ${date} ${time} ${timezone}  `, alerts],
    [
      label('Calls'),
      `${perMinute(rate)}/min  `,
      label('Hits'),
      `${rateOf(hits, window.calls)}  `,
      label('p95'),
      `${window.latency === undefined ? '-' : milliseconds(window.latency.p95)}  `,
      label('Errors'),
      errors(window.errors, window.calls),
      '  ',
      label('Today'),
      `${cents(costTodayUsd)}, saved ${cents(savedTodayUsd)}`,
    ],
    ...snapshot.teams
      .toSorted(byShare)
      .slice(0, 6)
      .map((team) => teamLine(team, options)),
    systemLine(snapshot),
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

function teamLine(row: TeamRow, { columns }: FrameOptions): Part[] {
  const { team, costTodayUsd, capUsd, rate, rpm } = row
  const width = Math.max(6, Math.min(40, columns - 62))
  const share = shareOf(row)
  const format = share >= 1 ? 'red' : share >= 0.8 ? 'yellow' : 'green'
  const money = capUsd === undefined ? cents(costTodayUsd) : `${cents(costTodayUsd)}/${cents(capUsd)}`
  const percent = capUsd === undefined ? '' : percentOf(share)
  return [
    cell(team, 16),
    { format: 'dim', text: '[' },
    { format, text: bar(costTodayUsd, capUsd ?? 0, width) },
    { format: 'dim', text: ']' },
    money.padStart(18),
    percent.padStart(9),
    `${perMinute(rate)}${rpm === undefined ? '' : `/${whole(rpm)}`} calls/min`.padStart(17),
  ]
}

const MEBIBYTE = 1_048_576

function systemLine({ redis, waitingRows, monitors }: Snapshot): Part[] {
  const { usedBytes, maxBytes, clients, commandsPerSecond, latencyMs, evictedKeys } = redis
  const megabytes = (bytes: number) => (bytes / MEBIBYTE).toFixed(0)
  const isFull = maxBytes !== undefined && usedBytes > 0.9 * maxBytes
  const memory = `${megabytes(usedBytes)}${maxBytes === undefined ? '' : `/${megabytes(maxBytes)}`} MB`
  const silent = monitors.filter(({ isSilent }) => isSilent).length
  return [
    label('Redis'),
    isFull ? { format: 'red', text: memory } : memory,
    ` ${counted(clients, 'client')} ${short(commandsPerSecond)}/s ${latencyMs.toFixed(1)} ms`,
    ...(evictedKeys > 0 ? [{ format: 'red', text: ` ${short(evictedKeys)} evicted` } as const] : []),
    '  ',
    label('Rows waiting'),
    waitingRows > 0 ? { format: 'yellow', text: whole(waitingRows) } : '0',
    '  ',
    label('Monitors'),
    monitors.length === 0
      ? { format: 'yellow', text: 'none' }
      : silent > 0
        ? { format: 'red', text: `${silent} of ${monitors.length} silent` }
        : whole(monitors.length),
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
  const trend = columns >= 110 ? 22 : 0
  const names = columns - 56 - trend
  const half = Math.ceil(names * 0.5)
  const mark = (name: Sort, text: string, width: number) =>
    (sort === name ? `${text}▾` : text).padStart(width)
  const title = `${'AGENT'.padEnd(half)}${'TEAM'.padEnd(names - half)}${mark('calls', 'CALLS/MIN', 11)}${'HITS'.padStart(9)}${mark('p95', 'P95', 9)}${mark('errors', 'ERRORS', 9)}${'REFUSED'.padStart(9)}${mark('cost', 'TODAY', 9)}${trend > 0 ? '  LAST 20 MINUTES'.padEnd(trend) : ''}`
  const sorted = agents.toSorted(
    (one, other) =>
      ORDER[sort](other) - ORDER[sort](one) ||
      other.costTodayUsd - one.costTodayUsd ||
      (one.agent < other.agent ? -1 : 1),
  )
  return [
    [{ format: 'dim', text: `Rates of the last ${windowSeconds} s` }],
    [{ format: 'bold', text: title }],
    ...sorted.map((row) => agentLine(row, half, names - half, trend)),
  ]
}

const cell = (text: string, width: number) => clip(printable(text), width - 1).padEnd(width)

function agentLine(
  { agent, team, rate, window, costTodayUsd, history }: AgentRow,
  first: number,
  second: number,
  trend: number,
): Part[] {
  const hits = Object.values(window.hits).reduce((sum, count) => sum + count, 0)
  const failed = errors(window.errors, window.calls)
  const text = (typeof failed === 'string' ? failed : failed.text).padStart(9)
  return [
    cell(agent, first),
    cell(team, second),
    perMinute(rate).padStart(11),
    rateOf(hits, window.calls).padStart(9),
    (window.latency === undefined ? '-' : milliseconds(window.latency.p95)).padStart(9),
    typeof failed === 'string' ? text : { ...failed, text },
    whole(window.refused).padStart(9),
    cents(costTodayUsd).padStart(9),
    ...(trend > 0 ? [{ format: 'dim', text: `  ${sparkline(history)}` } as const] : []),
  ]
}
