import type { SupabaseClient } from '@supabase/supabase-js'
import { signalAfter } from '../../util/timers.ts'
import { createPace } from '../pace.ts'
import { DeliveryError } from '../sink.ts'
import { faultOf, isOfARow, type Refusal, wordsOf } from './fault.ts'
import type { SupabaseSettings } from './options.ts'
import type { Row } from './row.ts'

export type Written = {
  /** Rows that are never going to be taken. */
  refused: Row[]
  /** Rows that there was no time for. */
  left: Row[]
  /** Why rows were refused, or left. */
  trouble?: string
}

export type Table = {
  /**
   * Writes rows that are not there yet; those that are stay as they are.
   * @throws DeliveryError when none can be written now, for no fault of theirs.
   */
  write: (rows: readonly Row[], signal: AbortSignal) => Promise<Written>
  /** Writes rows of another table, over what is there. */
  replace: (table: string, rows: object[], onConflict: string, signal: AbortSignal) => Promise<void>
  /** It failed just now, and it is too early to try again. */
  isAway: () => boolean
  /** Why it failed last. */
  trouble: () => string
}

/** Leaves time to put rows by, even for a program that is about to end. */
const ANSWER_MS = 2_000
/** Rows of one request at most; fewer after one that had no answer in time. */
const MOST = 500
/** Time for finding out which rows of a batch are at fault. */
const SEARCH_MS = 2_000
const BACKOFF_MIN_MS = 250
const BACKOFF_MAX_MS = 15_000
/** What makes a row the same row: by month a table must have `at` in its key, and an older table has the id alone. */
const KEYS = ['request_id,at', 'request_id'] as const
/** There is no such key. */
const NO_KEY = '42P10'

/** The table of usage, through the real client, which is loaded when the first row is written. */
export function createTable({
  table,
  to,
}: {
  table: string
  to: NonNullable<SupabaseSettings['to']>
}): Table {
  let client: Promise<SupabaseClient> | undefined
  const pace = createPace({ most: MOST, start: undefined, deadlineMs: ANSWER_MS })
  let key: (typeof KEYS)[number] = KEYS[0]
  let strikes = 0
  let awayUntil = 0
  let trouble = ''

  async function connect(): Promise<SupabaseClient> {
    const { createClient } = await import('@supabase/supabase-js')
    // No session, no refresh: nothing of it lives on, and nothing opens a socket of its own.
    const auth = { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false }
    return createClient(to.url, to.secretKey, { auth })
  }

  /** What the client says instead of throwing. */
  async function upsert(
    into: string,
    rows: readonly object[],
    options: { onConflict: string; ignoreDuplicates: boolean },
    signal: AbortSignal,
  ): Promise<Refusal | undefined> {
    client ??= connect()
    const timely = AbortSignal.any([signal, signalAfter(ANSWER_MS)])
    try {
      const { error, status } = await (await client)
        .from(into)
        .upsert([...rows], { ...options, defaultToNull: false })
        .abortSignal(timely)
      return error === null ? undefined : { error, status }
    } catch (error) {
      return { status: 0, error: { message: error instanceof Error ? error.message : 'unknown' } }
    }
  }

  /** A row's `at` is written once, with its record: the same id always comes with the same one. */
  async function add(rows: readonly Row[], signal: AbortSignal): Promise<Refusal | undefined> {
    for (const tried of [key, ...KEYS.filter((each) => each !== key)]) {
      const refusal = await upsert(table, rows, { onConflict: tried, ignoreDuplicates: true }, signal)
      if (refusal?.error.code === NO_KEY && tried === key) continue
      if (refusal === undefined) key = tried
      return refusal
    }
    return undefined
  }

  async function write(rows: readonly Row[], signal: AbortSignal): Promise<Written> {
    const written: Written = { refused: [], left: [] }
    if (rows.length === 0) return written
    let enough = 0

    /** Halves what is refused until the rows at fault stand alone. */
    async function part(some: readonly Row[], isFirst: boolean): Promise<void> {
      if (!isFirst && (signal.aborted || performance.now() > enough)) {
        written.left.push(...some)
        return
      }
      const refusal = await add(some, signal)
      if (refusal === undefined) return
      if (!isOfARow(refusal)) throw faultOf(refusal, table)
      if (some.length > 1) {
        const middle = Math.ceil(some.length / 2)
        await part(some.slice(0, middle), false)
        await part(some.slice(middle), false)
        return
      }
      written.refused.push(...some)
      written.trouble = `${table} refuses a row${wordsOf(refusal.error)}`
    }

    for (let done = 0; done < rows.length; ) {
      const some = rows.slice(done, done + pace.size())
      const began = performance.now()
      enough = began + SEARCH_MS
      try {
        await part(some, true)
        pace.answered(some.length, performance.now() - began)
        strikes = 0
        awayUntil = 0
      } catch (error) {
        failed(error)
        if (performance.now() - began > pace.targetMs && !signal.aborted) pace.late(some.length)
        if (done === 0) throw error
        // What was written before stays written, and what was refused is refused.
        const open = new Set(rows.slice(done))
        for (const row of [...written.refused, ...written.left]) open.delete(row)
        written.left.push(...open)
        written.trouble ??= trouble
        return written
      }
      done += some.length
    }
    return written
  }

  function failed(error: unknown) {
    strikes += 1
    const patience = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** (strikes - 1))
    awayUntil = performance.now() + patience * (0.5 + Math.random() / 2)
    trouble = error instanceof DeliveryError ? error.message : 'unknown'
  }

  return {
    write,
    async replace(into, rows, onConflict, signal) {
      const refusal = await upsert(into, rows, { onConflict, ignoreDuplicates: false }, signal)
      if (refusal !== undefined) throw faultOf(refusal, into)
    },
    isAway: () => performance.now() < awayUntil,
    trouble: () => trouble,
  }
}
