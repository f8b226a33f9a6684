import type { WriteStream } from 'node:tty'
import type { CallRecord } from '@hotdash/llm-gateway'
import { isHit, nano } from './prices.ts'
import { type Column, count, dollars, head, line, millis, percent } from './table.ts'

/** A record, and its time of the played day. */
export type Seen = { clock: string; record: CallRecord }

const ROWS = 14
const REDRAW_MS = 60
const LINE_EVERY = 25

const columns: Column<Seen>[] = [
  { title: 'time', width: 5, of: ({ clock }) => clock },
  { title: 'agent', width: 12, of: ({ record }) => record.agent },
  { title: 'model', width: 22, of: ({ record }) => record.model },
  { title: 'route', width: 9, of: ({ record }) => record.route },
  { title: 'cache', width: 7, of: ({ record }) => (record.status === 'ok' ? record.cache : record.status) },
  { title: 'tokens', width: 6, right: true, of: ({ record }) => tokens(record) },
  { title: 'cost', width: 12, right: true, of: ({ record }) => dollars(nano(record.costUsd)) },
  { title: 'saved', width: 12, right: true, of: ({ record }) => dollars(nano(record.savedUsd)) },
  { title: 'ms', width: 5, right: true, of: ({ record }) => millis(record.latencyMs) },
]

/** Prints calls as they end: in place on a terminal, otherwise one line per 25 calls. */
export function createBoard(title: string, out: WriteStream) {
  const recent: Seen[] = []
  let calls = 0
  let hits = 0
  let refused = 0
  let cost = 0
  let saved = 0
  let drawn = 0
  let timer: NodeJS.Timeout | undefined
  const size = () => Math.max(3, Math.min(ROWS, (out.rows ?? 24) - 6))

  function draw() {
    timer = undefined
    const lines = [
      `${title}  ${recent.at(-1)?.clock ?? ''}`,
      `${count(calls)} calls, ${percent(hits, calls)} from the cache, ${refused} refused, ` +
        `cost ${dollars(cost)}, saved ${dollars(saved)}`,
      '',
      head(columns),
      ...recent.map((seen) => line(columns, seen)),
    ].map((text) => text.slice(0, Math.max(20, (out.columns ?? 110) - 1)))
    // Moves to the start of the last drawing, and clears from there to the end.
    out.write(`${drawn > 0 ? `\x1b[${drawn}A` : ''}\x1b[0J${lines.join('\n')}\n`)
    drawn = lines.length
  }

  return {
    add(seen: Seen) {
      const { record } = seen
      calls += 1
      hits += isHit(record) ? 1 : 0
      refused += record.status === 'refused' ? 1 : 0
      cost += nano(record.costUsd)
      saved += nano(record.savedUsd)
      recent.push(seen)
      if (recent.length > size()) recent.shift()
      if (out.isTTY) timer ??= setTimeout(draw, REDRAW_MS)
      else if (calls === 1) out.write(`${title}\n${head(columns)}\n${line(columns, seen)}\n`)
      else if (calls % LINE_EVERY === 0) out.write(`${line(columns, seen)}\n`)
    },
    /** Draws the rest and releases the terminal lines. */
    stop() {
      if (timer !== undefined) {
        clearTimeout(timer)
        draw()
      }
      drawn = 0
    },
  }
}

function tokens({ usage }: CallRecord): string {
  return usage === undefined ? '-' : String(usage.input + usage.output)
}
