import type { SupabaseClient } from '@supabase/supabase-js'
import { backoffMs } from '../../util/backoff.ts'
import { isInstance } from '../../util/error-text.ts'
import { createSupabaseClient } from '../../util/supabase-client.ts'
import { signalAfter } from '../../util/timers.ts'
import { createPace } from '../pace.ts'
import { DeliveryError } from '../sink.ts'
import { deliveryErrorFrom, errorDetails, type FailedResponse, isRowError } from './fault.ts'
import type { SupabaseSettings } from './options.ts'
import type { Row } from './row.ts'

export type WriteResult = {
  /** Rows that will never be accepted. */
  rejected: Row[]
  /** Rows not written for lack of time. */
  unwritten: Row[]
  /** Why rows were rejected or not written. */
  reason?: string
}

export type Table = {
  /**
   * Inserts rows that are not there yet; existing rows stay unchanged.
   * @throws DeliveryError if no row can be written now, for a reason outside the rows.
   */
  write: (rows: readonly Row[], signal: AbortSignal) => Promise<WriteResult>
  /** Upserts rows of another table. */
  replace: (table: string, rows: object[], onConflict: string, signal: AbortSignal) => Promise<void>
  /** Tells whether the back-off after a failure still runs. */
  isUnavailable: () => boolean
  /** Message of the last failure. */
  lastError: () => string
}

/** Milliseconds one request may take: leaves time to spill rows, even in the exit flush. */
const ANSWER_MS = 2_000
/** Most rows of one request; fewer after a timeout. */
const MAX_ROWS = 500
/** Milliseconds to find the rows at fault in a rejected batch. */
const SEARCH_MS = 2_000
const BACKOFF = { min: 250, max: 15_000 }
/** Conflict keys: a table partitioned by month needs `at` in its key, an older table has the id alone. */
const CONFLICT_KEYS = ['request_id,at', 'request_id'] as const
/** What PostgREST answers a write with: without a body, as none is asked for. */
const WRITTEN = new Set([200, 201, 204])
const NOT_SUPABASE = { message: 'an answer that is not Supabase’s: check SUPABASE_URL' }
/** SQLSTATE: there is no unique constraint for these columns. */
const NO_SUCH_CONSTRAINT = '42P10'

/** Creates access to the usage table. Loads supabase-js for the first row. */
export function createTable({
  table,
  to,
}: {
  table: string
  to: NonNullable<SupabaseSettings['to']>
}): Table {
  let client: Promise<SupabaseClient> | undefined
  const pace = createPace({ maxReports: MAX_ROWS, start: undefined, deadlineMs: ANSWER_MS })
  let key: (typeof CONFLICT_KEYS)[number] = CONFLICT_KEYS[0]
  let failures = 0
  let unavailableUntil = 0
  let lastError = ''

  /** Returns the client's error instead of throwing it. */
  async function upsert(
    into: string,
    rows: readonly object[],
    options: { onConflict: string; ignoreDuplicates: boolean },
    signal: AbortSignal,
  ): Promise<FailedResponse | undefined> {
    client ??= createSupabaseClient(to.url, to.secretKey)
    const timely = AbortSignal.any([signal, signalAfter(ANSWER_MS)])
    try {
      const { error, status, data } = await (await client)
        .from(into)
        .upsert([...rows], { ...options, defaultToNull: false })
        .abortSignal(timely)
      if (error !== null) return { error, status }
      return data === null && WRITTEN.has(status) ? undefined : { error: NOT_SUPABASE, status }
    } catch (error) {
      return { status: 0, error: { message: isInstance(error, Error) ? error.message : 'unknown' } }
    }
  }

  /** A row's `at` comes from its record: the same id always has the same `at`. */
  async function add(rows: readonly Row[], signal: AbortSignal): Promise<FailedResponse | undefined> {
    for (const tried of [key, ...CONFLICT_KEYS.filter((each) => each !== key)]) {
      const refusal = await upsert(table, rows, { onConflict: tried, ignoreDuplicates: true }, signal)
      if (refusal?.error.code === NO_SUCH_CONSTRAINT && tried === key) continue
      if (refusal === undefined) key = tried
      return refusal
    }
    return undefined
  }

  async function write(rows: readonly Row[], signal: AbortSignal): Promise<WriteResult> {
    const written: WriteResult = { rejected: [], unwritten: [] }
    if (rows.length === 0) return written
    let searchUntil = 0

    /** Halves a rejected batch until the rows at fault are alone. */
    async function writeOrSplit(some: readonly Row[], isFirst: boolean): Promise<void> {
      if (!isFirst && (signal.aborted || performance.now() > searchUntil)) {
        written.unwritten.push(...some)
        return
      }
      const refusal = await add(some, signal)
      if (refusal === undefined) return
      if (!isRowError(refusal)) throw deliveryErrorFrom(refusal, table)
      if (some.length > 1) {
        const middle = Math.ceil(some.length / 2)
        await writeOrSplit(some.slice(0, middle), false)
        await writeOrSplit(some.slice(middle), false)
        return
      }
      written.rejected.push(...some)
      written.reason = `${table} refuses a row${errorDetails(refusal.error)}`
    }

    for (let done = 0; done < rows.length; ) {
      const some = rows.slice(done, done + pace.size())
      const began = performance.now()
      searchUntil = began + SEARCH_MS
      try {
        await writeOrSplit(some, true)
        pace.answered(some.length, performance.now() - began)
        failures = 0
        unavailableUntil = 0
      } catch (error) {
        failed(error)
        if (performance.now() - began > pace.targetMs && !signal.aborted) pace.late(some.length)
        if (done === 0) throw error
        // Rows already written or rejected keep their result.
        const open = new Set(rows.slice(done))
        for (const row of [...written.rejected, ...written.unwritten]) open.delete(row)
        written.unwritten.push(...open)
        written.reason ??= lastError
        return written
      }
      done += some.length
    }
    return written
  }

  function failed(error: unknown) {
    failures += 1
    unavailableUntil = performance.now() + backoffMs(failures, BACKOFF)
    lastError = isInstance(error, DeliveryError) ? error.message : 'unknown'
  }

  return {
    write,
    async replace(into, rows, onConflict, signal) {
      const refusal = await upsert(into, rows, { onConflict, ignoreDuplicates: false }, signal)
      if (refusal !== undefined) throw deliveryErrorFrom(refusal, into)
    },
    isUnavailable: () => performance.now() < unavailableUntil,
    lastError: () => lastError,
  }
}
