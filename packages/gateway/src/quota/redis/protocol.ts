import type { LimitName } from '../../core/limits.ts'
import type { Bounds, Remaining } from '../store.ts'

/** What both scripts tell of the state they left. */
export type ServerState = { epoch: string; seq: number; day: number; committed: number }

/** What a process may use of its team's limits while Redis is away. Zero where a limit does not bind. */
export type Allotment = { requests: number; tokens: number; usd: number }

/** What a process says of its lease: the last one it was told, what it still has of it, and what it used untold. */
export type Claim = {
  number: number
  has: Allotment
  unreported: Allotment
  /** Besides, what the tab says that is on its way with another command. */
  inFlight: Allotment
}

/** What the window holds. */
export type Load = { requests: number; tokens: number }

export type Reserved = ServerState & {
  status: 'admitted' | 'told' | LimitName
  retryAfterMs: number | undefined
  remaining: Remaining
  /** Tokens reserved. */
  tokens: number
  /** The most processes that were alive at one time, this day. */
  processes: number
  lease: Allotment & { number: number }
  /** The steady time of the team's state, in milliseconds. */
  clock: number
  bounds: Bounds
  load: Load
  resetMs: number
  /** The highest version of a policy that any process has brought; 0: none had one. */
  version: number
  /** The last tab that Redis has heard of this process, and the steady and the server's time at which it was closed. */
  report: ReportMark
}

export type ReportMark = { number: number; clock: number; time: number }

/** What a process tells Redis of calls that it admitted without asking: tab.lua says what its rows are. */
export type ReportContent = { number: number; rows: readonly (readonly number[])[]; words: readonly string[] }

/** What else goes with a reservation, or instead of one. */
export type Extra = {
  /** It was admitted that long ago, while Redis was away, and is only booked now. */
  ageMs?: number | undefined
  /** And how many milliseconds ago it was closed. */
  report?: (ReportContent & { agoMs: number }) | undefined
  /** The number of the tab that is on its way with another command. */
  inFlight?: number | undefined
  /** Nothing is to be reserved: the reservation says what a lease is needed for. */
  onlyReports?: boolean | undefined
}

export type Settled = ServerState & { outcome: 'settled' | 'fresh' | 'repeated'; excess: number }

/** What goes with each reservation: enough for a state that was lost to be born again with what it had. */
export type ReplicaState = ServerState & {
  /** What this process had admitted in the last minute, as age:requests:tokens,... */
  own: string
  /** How full the window was when this process last heard of it, and how long ago that is. */
  heard: Load
  heardAgo: number
  /** The steady time of the state at that moment; absent: never heard. */
  clock: number | undefined
}
