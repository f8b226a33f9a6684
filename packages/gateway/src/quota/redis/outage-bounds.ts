import type { NanoUsd } from '../../core/money.ts'
import { DEFAULT_WHILE_UNAVAILABLE, type Limits } from '../../core/team-limits.ts'
import type { Verdict } from '../store.ts'
import { SPAN_MS } from '../window.ts'
import type { Allotment, Load } from './protocol.ts'

/** Assumed number of processes if it is unknown: more than most teams run, since a smaller share is safe. */
const PROCESSES = 8

/**
 * What a process knows of an outage. `seen`: the highest number of processes that Redis has reported; 0: none. `heard`: the
 * load of the window in the last reply. `ms`: time since the process last reached Redis, or was started.
 */
export type Outage = { seen: number; heard: Load; ms: number }

type State = Outage & {
  /** Number of processes by the options. */
  processes: number | undefined
  /** Requests and tokens that are left of a lease; `undefined` if it has expired, or none was granted. */
  lease: Load | undefined
  /** Dollars that are left of it, likewise. */
  leasedUsd: number | undefined
  wasGranted: boolean
  /** Admissions that Redis does not know. */
  taken: Allotment
}

/**
 * Returns the limits of this process while Redis is unreachable.
 *
 * - Requests and tokens: in the first minute the lease. Without one, since others may have used the limit before the
 *   outage, the policy's allowance divided by the number of processes; without an allowance one request. After the first
 *   minute, the limit divided by the number of processes. A process that its options declare the only one has the rest
 *   of its window instead.
 * - Dollars: the lease; without one, the policy's allowance divided by the number of processes.
 */
export function boundsInOutage(limits: Limits, state: State): Limits {
  const { seen, heard, ms, processes, lease, leasedUsd, wasGranted, taken } = state
  const { allowance, allowanceOfRates } = limits.whileUnavailable ?? DEFAULT_WHILE_UNAVAILABLE
  const known = Math.max(seen, processes ?? (wasGranted ? 1 : PROCESSES))
  const expected = Math.max(seen, processes ?? PROCESSES)
  const isOnly = processes === 1 && seen <= 1

  function part(limit: number, kind: keyof Load): number {
    if (lease !== undefined) return isOnly ? Math.max(0, limit - heard[kind] - taken[kind]) : lease[kind]
    if (ms >= SPAN_MS || processes === 1) return Math.floor(limit / known)
    const share = Math.floor(limit / expected)
    if (allowanceOfRates === undefined) return kind === 'requests' ? Math.min(1, share) : share
    return Math.floor(Math.floor(limit * allowanceOfRates) / expected)
  }

  const own = { ...limits }
  if (limits.rpm !== undefined) own.rpm = part(limits.rpm, 'requests')
  if (limits.tpm !== undefined) own.tpm = part(limits.tpm, 'tokens')
  if (limits.usdPerDay !== undefined)
    own.usdPerDay = (leasedUsd ?? Math.floor(allowance / expected)) as NanoUsd
  return own
}

/** Returns whether Redis, once it is back, may admit a call that this process refuses. `undefined`: it may use nothing. */
export const mayFitLater = (local: Verdict | undefined) =>
  local === undefined || (!local.admitted && local.retryAfterMs !== undefined)
