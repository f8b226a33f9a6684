import type { Reservation, Verdict } from '../store.ts'
import type { Telling } from './protocol.ts'

/** How a call ended: tokens it used, n$ it cost and may have cost besides, output tokens to learn from (-1: none). */
type End = { tokens: number; cost: number; doubt: number; learn: number }

/** Where Redis has heard of a call that was under way: its life, the tab, and the call's age in that. */
type Told = { clock: number; time: number; epoch: string; age: number }

/** A call that was admitted without asking. `at`: by the steady clock. */
export type Call = {
  reservation: Reservation
  verdict: Verdict
  at: number
  tokens: number
  end?: End
  told?: Told
}

/** What Redis hears of a call: that it has been made and has ended, that it is under way, or how that has ended. */
export type Row = 'ended' | 'open' | 'end'

/** What Redis is told at once. It is told again as it is, until Redis has heard it. */
export type Tab = Telling & {
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
  untold: Set<Call>
  /** Those that it knows as under way, and that have ended since. */
  ended: Call[]
  closed: Tab | undefined
  /** A command is on its way with it. */
  isTelling: boolean
  /** The lease should be renewed. */
  isDue: boolean
}

export const isPending = ({ untold, ended }: Team): boolean => untold.size > 0 || ended.length > 0

/** Makes a tab of all that is to be told, and takes it from what is to be told. */
export function closed(team: Team, now: number): Tab {
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
    const { at, tokens, end, told, reservation } = call
    const { agent, model, requests = 1, worstCost, leaseMs } = reservation
    if (end === undefined) return [2, age(now, at), requests, tokens, worstCost, leaseMs]
    const learned = [end.learn, place(`${agent}\n${model}`)]
    if (told === undefined) return [1, age(now, at), requests, end.tokens, end.cost, end.doubt, ...learned]
    const { clock, time, epoch } = told
    const known = [clock, time, told.age, tokens, worstCost, leaseMs, place(epoch)]
    return [3, ...known, end.tokens, end.cost, end.doubt, ...learned]
  }

  const calls = [...team.untold, ...team.ended]
  const rows = calls.map(rowOf)
  const lines = calls.map((call) => ({ call, row: kindOf(call) }))
  const ids = new Set([...team.untold].map(({ reservation }) => reservation.id))
  team.number += 1
  team.untold.clear()
  team.ended = []
  return { number: team.number, rows, words, closedAt: now, lines, ids }
}

/** In whole milliseconds, as a row says it. */
export const age = (now: number, at: number) => Math.max(0, Math.round(now - at))

function kindOf({ end, told }: Call): Row {
  if (end === undefined) return 'open'
  return told === undefined ? 'ended' : 'end'
}
