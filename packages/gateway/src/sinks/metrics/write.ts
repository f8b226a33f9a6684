import type { Report } from '../sink.ts'
import { type Counters, count, endOf, HOUR_MS, OTHERS, rowOf, written } from './counters.ts'
import { keyOf, MS_OF, type Span, writerKeyOf } from './keys.ts'

/** One command, as it goes over; repeated, it is the same to the last byte. */
export type Write = {
  at: number
  reports: ReadonlySet<Report>
  keys: string[]
  args: (string | number)[]
}

/** The sums of hours outlive those of minutes: reports look at months. */
const HOURS_KEPT_MS = 35 * 24 * HOUR_MS
/** A hostile caller may be a thousand agents a minute: beyond so many rows they are others. */
const MAX_ROWS = 100

type Row = { team: string; sums: Counters }
type Bucket = { ttlMs: number; rows: Map<string, Row> }

/** KEYS and ARGV of write.lua, in its order. */
export function writeOf(
  reports: readonly Report[],
  writer: string,
  number: number,
  keepMs: number,
  now: number,
): Write {
  const buckets = new Map<string, Bucket>()
  for (const report of reports) {
    countIn('minute', keepMs, report)
    countIn('hour', HOURS_KEPT_MS, report)
  }
  const args: (string | number)[] = [number, keepMs, MAX_ROWS]
  for (const { ttlMs, rows } of buckets.values()) {
    args.push(ttlMs, rows.size)
    for (const [row, { team, sums }] of rows) args.push(row, rowOf(team, OTHERS), written(sums))
  }
  return { at: now, reports: new Set(reports), keys: [writerKeyOf(writer), ...buckets.keys()], args }

  function countIn(span: Span, kept: number, { record }: Report) {
    const end = endOf(record)
    // A clock that is wrong must neither keep sums for ever nor lose them at once.
    const ttlMs = Math.min(kept, Math.ceil((Math.floor(end / MS_OF[span]) + 1) * MS_OF[span] + kept - now))
    if (ttlMs <= 0) return
    const key = keyOf(span, end)
    const bucket = buckets.get(key) ?? { ttlMs, rows: new Map() }
    buckets.set(key, bucket)
    const name = rowOf(record.team, record.agent)
    const row = bucket.rows.get(name) ?? { team: record.team, sums: new Map() }
    bucket.rows.set(name, row)
    count(row.sums, record)
  }
}
