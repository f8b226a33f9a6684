import type { Report } from '../sink.ts'
import { type Counters, count, endOf, HOUR_MS, OVERFLOW_AGENT, rowOf, serializeCounters } from './counters.ts'
import { keyOf, MS_OF, type Span, writerKeyOf } from './keys.ts'

/** One call of write.lua. A repetition is identical to the byte. */
export type Write = {
  at: number
  reports: ReadonlySet<Report>
  keys: string[]
  args: (string | number)[]
}

/** Reports read months, so hours are kept longer than minutes. */
const HOURS_KEPT_MS = 35 * 24 * HOUR_MS
/** Rows of a minute or hour. Callers can invent agent names: beyond this limit they share one row. */
const MAX_ROWS = 100

type Row = { team: string; counters: Counters }
type Bucket = { ttlMs: number; rows: Map<string, Row> }

/** Builds KEYS and ARGV of write.lua, in its order. */
export function createWrite(
  reports: readonly Report[],
  writer: string,
  writeNumber: number,
  keepMs: number,
  now: number,
): Write {
  const buckets = new Map<string, Bucket>()
  for (const report of reports) {
    countIn('minute', keepMs, report)
    countIn('hour', HOURS_KEPT_MS, report)
  }
  const args: (string | number)[] = [writeNumber, keepMs, MAX_ROWS]
  for (const { ttlMs, rows } of buckets.values()) {
    args.push(ttlMs, rows.size)
    for (const [row, { team, counters }] of rows)
      args.push(row, rowOf(team, OVERFLOW_AGENT), serializeCounters(counters))
  }
  return { at: now, reports: new Set(reports), keys: [writerKeyOf(writer), ...buckets.keys()], args }

  function countIn(span: Span, kept: number, { record }: Report) {
    const end = endOf(record)
    // Bounds the TTL against a wrong clock: never longer than `kept`, and not written if already expired.
    const ttlMs = Math.min(kept, Math.ceil((Math.floor(end / MS_OF[span]) + 1) * MS_OF[span] + kept - now))
    if (ttlMs <= 0) return
    const key = keyOf(span, end)
    const bucket = buckets.get(key) ?? { ttlMs, rows: new Map<string, Row>() }
    buckets.set(key, bucket)
    const name = rowOf(record.team, record.agent)
    const row = bucket.rows.get(name) ?? { team: record.team, counters: new Map() }
    bucket.rows.set(name, row)
    count(row.counters, record)
  }
}
