import type { Reservation, Verdict } from '../store.ts'
import type { ReportContent } from './protocol.ts'

/** How a call ended: tokens it used, n$ it cost and may have cost besides, output tokens to learn from (-1: none). */
type End = { tokens: number; cost: number; unconfirmed: number; learn: number }

/** Where Redis has heard of a call that was under way: its life, the tab, and the call's age in that. */
type ReportedAt = { clock: number; time: number; epoch: string; age: number }

/** A call that was admitted without asking. `at`: by the steady clock. */
export type Call = {
  reservation: Reservation
  verdict: Verdict
  at: number
  tokens: number
  end?: End
  reported?: ReportedAt
}

/** What Redis hears of a call: that it has been made and has ended, that it is under way, or how that has ended. */
export type Row = 'ended' | 'open' | 'end'

/** What Redis is told at once. It is told again as it is, until Redis has heard it. */
export type UsageReport = ReportContent & {
  closedAt: number
  lines: readonly { call: Call; row: Row }[]
  ids: ReadonlySet<string>
}

export type Team = {
  /** The last call that was admitted here: what a lease is needed for. */
  need: Reservation
  /** Of the last tab. */
  number: number
  /** Calls that Redis has not been told of. */
  unreported: Set<Call>
  /** Those that it knows as under way, and that have ended since. */
  ended: Call[]
  report: UsageReport | undefined
  /** A command is on its way with it. */
  isInFlight: boolean
  /** The lease should be renewed. */
  isDue: boolean
}

export const isPending = ({ unreported, ended }: Team): boolean => unreported.size > 0 || ended.length > 0

/** Makes a tab of all that is to be told, and takes it from what is to be told. */
export function closeReport(team: Team, now: number): UsageReport {
  const words: string[] = []
  const places = new Map<string, number>()
  /** Lua counts from 1. */
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

/** In whole milliseconds, as a row says it. */
export const age = (now: number, at: number) => Math.max(0, Math.round(now - at))

function kindOf({ end, reported }: Call): Row {
  if (end === undefined) return 'open'
  return reported === undefined ? 'ended' : 'end'
}
