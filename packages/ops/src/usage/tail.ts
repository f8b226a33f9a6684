import { setTimeout as sleep } from 'node:timers/promises'
import { dollars, printable } from '../cli/format.ts'
import { printJson, printLine, printNote } from '../cli/output.ts'
import { type Style, styleFor } from '../cli/style.ts'
import { wholeNumber } from '../cli/whole-number.ts'
import { COLUMN_NAMES } from '../supabase/columns.ts'
import { numberIn, type Project, readRows, requireProject, textIn } from '../supabase/project.ts'
import { pagesOf, type Row, withNumbers } from './pages.ts'
import { filtersOf, type Values } from './values.ts'

const POLL_MS = 2_000
/** Longest wait after failures. */
const MAX_PAUSE_MS = 30_000
/** Rows that arrived this long before the newest one are read again: a slower insertion may appear among them. */
const WINDOW_MS = 15_000

/** Prints the last rows, and new ones as they arrive. */
export async function tail(values: Values): Promise<number> {
  const filters = filtersOf({ ...values, from: undefined, to: undefined })
  const lines = wholeNumber('--lines', values.lines, 0, 1_000)
  const project = requireProject(process.env)
  const seen = createSeen()
  const show = printerOf(values.json)
  const past = await lastRows(project, filters, Math.max(1, lines))
  for (const [at, row] of past.entries()) {
    seen.add(row)
    if (past.length - at <= lines) show(row)
  }
  if (!values.follow) return 0
  const newest = seen.newest()
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  let failures = 0
  // The first look into the window finds rows of the past as well.
  let isFollowing = false
  while (!stop.signal.aborted) {
    try {
      const since = seen.windowStart()
      const after = since === undefined ? undefined : { writtenAt: since, requestId: '' }
      for await (const rows of pagesOf(project, { filters, columns: COLUMN_NAMES, after }))
        for (const row of rows)
          if (seen.add(row) && (isFollowing || Date.parse(textIn(row.written_at)) > newest)) show(row)
      isFollowing = true
      failures = 0
    } catch (error) {
      failures += 1
      if (failures === 1) printNote(`${error instanceof Error ? error.message : 'Failed.'} Trying again.`)
    }
    const pause = Math.min(MAX_PAUSE_MS, POLL_MS * 2 ** Math.min(failures, 10))
    await sleep(failures === 0 ? POLL_MS : pause, undefined, { signal: stop.signal }).catch(() => undefined)
  }
  return 0
}

async function lastRows(project: Project, filters: [string, string][], limit: number): Promise<Row[]> {
  const query = new URLSearchParams([
    ['select', COLUMN_NAMES.join(',')],
    ['order', 'written_at.desc,request_id.desc'],
    ['limit', String(limit)],
    ...filters,
  ])
  return (await readRows(project, `llm_usage?${query.toString()}`)).rows.map(withNumbers).toReversed()
}

/** Rows of the window that were shown, so that each is shown once. Bounded by what arrives within it. */
function createSeen() {
  const ids = new Map<string, number>()
  let newest = Number.NEGATIVE_INFINITY
  return {
    /** Tells whether the row is new. */
    add({ request_id: id, written_at: writtenAt }: Row): boolean {
      const name = textIn(id)
      if (ids.has(name)) return false
      const at = Date.parse(textIn(writtenAt))
      ids.set(name, at)
      newest = Math.max(newest, at)
      for (const [known, time] of ids) {
        if (time >= newest - 2 * WINDOW_MS) break
        ids.delete(known)
      }
      return true
    },
    newest: () => newest,
    windowStart: () => (newest > 0 ? new Date(newest - WINDOW_MS).toISOString() : undefined),
  }
}

function printerOf(asJson: boolean): (row: Row) => void {
  if (asJson) return (row) => void printJson(row)
  const style = styleFor(process.stdout)
  return (row) => void printLine(lineOf(row, style))
}

const COLOURS: Record<string, 'green' | 'yellow' | 'red' | 'dim'> = {
  ok: 'green',
  refused: 'yellow',
  aborted: 'dim',
  failed: 'red',
}

function lineOf(row: Row, style: Style): string {
  const text = (name: string) =>
    row[name] === null || row[name] === undefined ? '' : printable(textIn(row[name]))
  const cost = row.cost_usd === null ? 'cost unknown' : dollars(numberIn(row.cost_usd))
  const tokens = row.input_tokens === null ? '' : `tokens ${text('input_tokens')}+${text('output_tokens')}`
  return [
    text('at').slice(0, 19).replace('T', ' '),
    style(COLOURS[text('status')] ?? 'dim', text('status').padEnd(7)),
    text('cache').padEnd(8),
    `${text('team')}/${text('agent')}`.padEnd(28),
    text('model').padEnd(20),
    tokens.padEnd(18),
    cost.padStart(12),
    `${text('latency_ms')} ms`.padStart(10),
    text('error').slice(0, 120),
  ]
    .join('  ')
    .trimEnd()
}
