import type { LimitName } from '../../core/team-limits.ts'
import type { Bounds, Remaining } from '../store.ts'

/** State of a team after a script has run. `committed`: billionths of a dollar. */
export type ServerState = { epoch: string; seq: number; day: number; committed: number }

/** Amounts of a team's limits; `usd` in billionths of a dollar. 0 where there is no limit. */
export type Allotment = { requests: number; tokens: number; usd: number }

/**
 * What a process states about its lease: number of the last one received (0: none), the rest of it, and its usage that
 * Redis does not know.
 */
export type Claim = {
  number: number
  has: Allotment
  unreported: Allotment
  /** Usage in a report that another command is carrying; not part of `unreported`. */
  inFlight: Allotment
}

/** Load of a window of one minute. */
export type Load = { requests: number; tokens: number }

export type Reserved = ServerState & {
  status: 'admitted' | 'told' | LimitName
  retryAfterMs: number | undefined
  remaining: Remaining
  /** Tokens that were reserved. */
  tokens: number
  /** Highest number of processes alive at one time, on this day. */
  processes: number
  lease: Allotment & { number: number }
  /** Monotonic time of the team's state, in milliseconds. */
  clock: number
  bounds: Bounds
  load: Load
  resetMs: number
  /** Highest policy version that any process has sent; 0: none. */
  version: number
  /** Last report of this process that was applied; number 0: none. */
  report: ReportMark
}

/** Identifies a report, with the monotonic and the server's time in ms at which it was closed. */
export type ReportMark = { number: number; clock: number; time: number }

/** Calls that a process admitted by lease. The format of rows is documented in report.lua. */
export type ReportContent = { number: number; rows: readonly (readonly number[])[]; words: readonly string[] }

/** Optional parts of a command. */
export type Extra = {
  /** Milliseconds since the process admitted the call while Redis was unreachable. Absent: Redis decides. */
  ageMs?: number | undefined
  /** Report that the command carries. `agoMs`: milliseconds since it was closed. */
  report?: (ReportContent & { agoMs: number }) | undefined
  /** Number of a report that another command is carrying. */
  inFlight?: number | undefined
  /** Reserves nothing: reports, and renews the lease for calls like the reservation. */
  onlyReports?: boolean | undefined
}

export type Settled = ServerState & { outcome: 'settled' | 'fresh' | 'repeated'; excess: number }

/** What a process knows of the state. Sent with each reservation, so that Redis can restore a lost state. */
export type ReplicaState = ServerState & {
  /** Own admissions of the last minute, as `age:requests:tokens,...`, ages in milliseconds. */
  own: string
  /** Load of the window that this process last received, and the milliseconds since then. */
  heard: Load
  heardAgo: number
  /** Monotonic time of the state then, in milliseconds; `undefined` if none was received. */
  clock: number | undefined
}
