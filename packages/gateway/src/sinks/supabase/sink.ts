import type { Policy } from '../../core/policy.ts'
import type { RedisConnection } from '../../redis/connection.ts'
import type { Warn } from '../../util/log.ts'
import { type Delivery, DeliveryError, type Report, type Sink } from '../sink.ts'
import { createDrain } from './drain.ts'
import { LIMITS_KEY, LIMITS_TABLE, limitsOf } from './limits.ts'
import type { SupabaseSettings } from './options.ts'
import { type Row, rowOf } from './row.ts'
import { createSpill, type Spill } from './spill.ts'
import { createTable, type Table } from './table.ts'

type SupabaseDeps = {
  /** The one in force. */
  policy: () => Policy
  /** Shared Redis; without it, rows wait in this process alone. */
  link: RedisConnection | undefined
  /** For Upstash: scripts lock their keys and not the whole database. */
  keyLocking: boolean
  say: Warn
}

const BATCH = 500
/** After limits could not be told. */
const LIMITS_PAUSE_MS = 60_000

/** Reports and, in the same order, their rows. */
type Batch = { reports: readonly Report[]; rows: Row[]; signal: AbortSignal }

/**
 * One row for each call. To Supabase if it can be reached; else into Redis, if that can be; else they stay in this
 * process's queue, and the oldest give way there.
 */
export function createSupabaseSink(
  { to, table: name, maxSpilled }: SupabaseSettings,
  house: SupabaseDeps,
): Sink {
  const { policy, link, keyLocking, say } = house
  const spill = link && createSpill(link, { table: name, maxRows: maxSpilled, keyLocking })
  const table = to && createTable({ table: name, to })
  const drain =
    spill &&
    table &&
    createDrain(spill, table, (trouble) => say('supabase drain', `supabase: ${trouble}`), link.fault)
  /** The policy whose limits are known there. */
  let told: Policy | undefined
  let limitsNotBefore = 0

  async function deliver(reports: readonly Report[], signal: AbortSignal): Promise<Delivery> {
    const batch = { reports, rows: reports.map(({ record }) => rowOf(record)), signal }
    if (table === undefined) return await putBy(batch, undefined)
    if (spill === undefined) return await write(table, batch)
    const spared = table.isAway()
    try {
      if (!spared) return await write(table, batch)
    } catch (error) {
      if (!(error instanceof DeliveryError)) throw error
    }
    try {
      return await putBy(batch, table.trouble())
    } catch (error) {
      // With Redis gone, too, even an early try is better than none.
      if (spared) return await write(table, batch)
      throw error
    }
  }

  async function write(table: Table, { reports, rows, signal }: Batch): Promise<Delivery> {
    const { refused, left, trouble } = await table.write(rows, signal)
    if (spill !== undefined && spill.waiting() > 0) drain?.soon()
    await tellLimits(table, signal)
    const missing = new Set(left)
    return {
      retry: reports.filter((_, at) => missing.has(rows[at] as Row)),
      rejected: refused.length,
      ...(trouble === undefined ? {} : { reason: trouble }),
    }
  }

  /** Once for each policy, and no row waits for it: without limits, one tile has less to show. */
  async function tellLimits(table: Table, signal: AbortSignal) {
    const current = policy()
    if (current === told || performance.now() < limitsNotBefore) return
    const limits = limitsOf(current)
    if (limits.length === 0) return
    limitsNotBefore = performance.now() + LIMITS_PAUSE_MS
    try {
      await table.replace(LIMITS_TABLE, limits, LIMITS_KEY, signal)
      limitsNotBefore = 0
      told = current
    } catch (error) {
      say('supabase limits', `supabase: the limits of teams are not known there: ${wordsOf(error)}`)
    }
  }

  async function putBy({ reports, rows }: Batch, why: string | undefined): Promise<Delivery> {
    const because = why === undefined ? '' : `${why}; `
    if (spill === undefined) throw new DeliveryError(`${because}there is no Redis`)
    const taken = await take(spill, rows, because)
    drain?.soon()
    const trouble = taken < rows.length ? `${because}there is no room left in Redis` : why
    return {
      spilled: taken,
      retry: reports.slice(taken),
      ...(trouble === undefined ? {} : { reason: trouble }),
    }
  }

  async function take(spill: Spill, rows: Row[], because: string): Promise<number> {
    try {
      return await spill.put(rows)
    } catch (error) {
      throw new DeliveryError(`${because}Redis does not take them: ${wordsOf(error)}`, { cause: error })
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

const wordsOf = (error: unknown) => (error instanceof Error ? error.message.slice(0, 160) : 'unknown')
