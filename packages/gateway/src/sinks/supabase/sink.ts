import type { Policy } from '../../core/policy.ts'
import { isInstance } from '../../util/error-text.ts'
import { loadSupabase } from '../../util/supabase-client.ts'
import type { SinkDeps } from '../backend.ts'
import { type Delivery, DeliveryError, type Report, type Sink } from '../sink.ts'
import { warnIfUnusable } from '../unusable.ts'
import { createDrain } from './drain.ts'
import { LIMITS_KEY, LIMITS_TABLE, limitsOf } from './limits.ts'
import type { SupabaseSettings } from './options.ts'
import { type Row, rowOf } from './row.ts'
import { createSpill, type Spill } from './spill.ts'
import { createTable, type Table } from './table.ts'

const BATCH = 500
/** Milliseconds before limits are written again after a failure. */
const LIMITS_PAUSE_MS = 60_000

/** Reports, and their rows in the same order. */
type Batch = { reports: readonly Report[]; rows: Row[]; signal: AbortSignal }

/**
 * Creates the sink that writes one row per call: to Supabase; if that fails, to Redis; if that fails too, rows stay in
 * this process's queue, which drops the oldest when full.
 */
export function createSupabaseSink({ to, table: name, maxSpilled }: SupabaseSettings, deps: SinkDeps): Sink {
  const { policy, redis, keyLocking, warn } = deps
  if (to !== undefined) warnIfUnusable(loadSupabase(), 'supabase', warn)
  const spill = redis && createSpill(redis, { table: name, maxRows: maxSpilled, keyLocking })
  const table = to && createTable({ table: name, to })
  const drain =
    spill &&
    table &&
    createDrain(
      spill,
      table,
      (reason) => warn('GW_SUPABASE_DRAIN_FAILED', `supabase: ${reason}`),
      redis.fault,
    )
  /** Policy whose limits are in the table. */
  let writtenPolicy: Policy | undefined
  let limitsNotBefore = 0

  async function deliver(reports: readonly Report[], signal: AbortSignal): Promise<Delivery> {
    const batch = { reports, rows: reports.map(({ record }) => rowOf(record)), signal }
    if (table === undefined) return await spillRows(batch, undefined)
    if (spill === undefined) return await write(table, batch)
    const skippedTable = table.isUnavailable()
    try {
      if (!skippedTable) return await write(table, batch)
    } catch (error) {
      if (!isInstance(error, DeliveryError)) throw error
    }
    try {
      return await spillRows(batch, table.lastError())
    } catch (error) {
      // With Redis down as well, a retry before the back-off ends is better than none.
      if (skippedTable) return await write(table, batch)
      throw error
    }
  }

  async function write(table: Table, { reports, rows, signal }: Batch): Promise<Delivery> {
    const { rejected, unwritten, reason } = await table.write(rows, signal)
    if (spill !== undefined && spill.waiting() > 0) drain?.pollSoon()
    await writeLimits(table, signal)
    const missing = new Set(unwritten)
    return {
      retry: reports.filter((_, at) => missing.has(rows[at] as Row)),
      rejected: rejected.length,
      ...(reason === undefined ? {} : { reason }),
    }
  }

  /** Writes limits once per policy. Rows do not depend on it: without limits one tile shows less. */
  async function writeLimits(table: Table, signal: AbortSignal) {
    const current = policy()
    if (current === writtenPolicy || performance.now() < limitsNotBefore) return
    const limits = limitsOf(current)
    if (limits.length === 0) return
    limitsNotBefore = performance.now() + LIMITS_PAUSE_MS
    try {
      await table.replace(LIMITS_TABLE, limits, LIMITS_KEY, signal)
      limitsNotBefore = 0
      writtenPolicy = current
    } catch (error) {
      warn('GW_SUPABASE_LIMITS_FAILED', `supabase: team limits could not be written: ${messageOf(error)}`)
    }
  }

  async function spillRows({ reports, rows }: Batch, why: string | undefined): Promise<Delivery> {
    const prefix = why === undefined ? '' : `${why}; `
    if (spill === undefined)
      throw new DeliveryError(`${prefix}there is no Redis to spill to: set gateway.redis`)
    const taken = await take(spill, rows, prefix)
    drain?.pollSoon()
    const reason = taken < rows.length ? `${prefix}there is no room left in Redis` : why
    return {
      spilled: taken,
      retry: reports.slice(taken),
      ...(reason === undefined ? {} : { reason }),
    }
  }

  async function take(spill: Spill, rows: Row[], because: string): Promise<number> {
    try {
      return await spill.put(rows)
    } catch (error) {
      throw new DeliveryError(`${because}Redis does not take them: ${messageOf(error)}`, { cause: error })
    }
  }

  return {
    name: 'supabase',
    batch: BATCH,
    deliver,
    ...(spill === undefined ? {} : { spill: () => ({ waiting: spill.waiting(), ...drain?.counts }) }),
    close: () => drain?.close(),
  }
}

const messageOf = (error: unknown) => (isInstance(error, Error) ? error.message.slice(0, 160) : 'unknown')
