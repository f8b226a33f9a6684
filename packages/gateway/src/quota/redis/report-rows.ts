import type { Reservation, Verdict } from '../store.ts'
import type { ReportContent } from './protocol.ts'

/**
 * How a call ended: tokens used; `cost` and `unconfirmed` in billionths of a dollar; `learn`: output tokens to learn from,
 * -1 for none.
 */
type End = { tokens: number; cost: number; unconfirmed: number; learn: number }

/** The report that listed a call in flight: Redis's times when it was closed, its epoch, and the call's age in ms then. */
type ReportedAt = { clock: number; time: number; epoch: string; age: number }

/**
 * A call that was admitted by lease. `at`: time of admission by the monotonic clock, in milliseconds. `end`: absent while the
 * call is in flight. `reported`: absent until a report has listed the call.
 */
export type Call = {
  reservation: Reservation
  verdict: Verdict
  at: number
  tokens: number
  end?: End
  reported?: ReportedAt
}

/** Kind of a row: a call that has ended, a call in flight (`open`), or the `end` of a call that was reported in flight. */
export type Row = 'ended' | 'open' | 'end'

/** A batch of rows, sent unchanged until Redis has acknowledged it. `closedAt`: monotonic time, in milliseconds. */
export type UsageReport = ReportContent & {
  closedAt: number
  lines: readonly { call: Call; row: Row }[]
  ids: ReadonlySet<string>
}

export type Team = {
  /** Last call that was admitted by lease: the typical call for which a lease is renewed. */
  need: Reservation
  /** Number of the last report that was closed; 0 before the first. */
  number: number
  /** Calls that no report has listed. */
  unreported: Set<Call>
  /** Calls that were reported in flight and have ended since. */
  ended: Call[]
  report: UsageReport | undefined
  /** True while a command carries the report. */
  isInFlight: boolean
  /** True if the lease should be renewed. */
  isDue: boolean
}

export const isPending = ({ unreported, ended }: Team): boolean => unreported.size > 0 || ended.length > 0

/** Moves all unreported calls and ends into a new report. */
export function closeReport(team: Team, now: number): UsageReport {
  const words: string[] = []
  const places = new Map<string, number>()
  /** Returns the index of a word, from 1 as in Lua; adds new words. */
  function place(word: string): number {
    let at = places.get(word)
    if (at === undefined) {
      at = words.push(word)
      places.set(word, at)
    }
    return at
  }

  function rowOf(call: Call): number[] {
    const { at, tokens, end, reported, reservation } = call
    const { agent, model, requests = 1, worstCost, leaseMs } = reservation
    if (end === undefined) return [2, age(now, at), requests, tokens, worstCost, leaseMs]
    const learned = [end.learn, place(`${agent}\n${model}`)]
    if (reported === undefined)
      return [1, age(now, at), requests, end.tokens, end.cost, end.unconfirmed, ...learned]
    const { clock, time, epoch } = reported
    const known = [clock, time, reported.age, tokens, worstCost, leaseMs, place(epoch)]
    return [3, ...known, end.tokens, end.cost, end.unconfirmed, ...learned]
  }

  const calls = [...team.unreported, ...team.ended]
  const rows = calls.map(rowOf)
  const lines = calls.map((call) => ({ call, row: kindOf(call) }))
  const ids = new Set([...team.unreported].map(({ reservation }) => reservation.id))
  team.number += 1
  team.unreported.clear()
  team.ended = []
  return { number: team.number, rows, words, closedAt: now, lines, ids }
}

/** Returns an age in whole milliseconds, as a row holds it. */
export const age = (now: number, at: number) => Math.max(0, Math.round(now - at))

function kindOf({ end, reported }: Call): Row {
  if (end === undefined) return 'open'
  return reported === undefined ? 'ended' : 'end'
}
