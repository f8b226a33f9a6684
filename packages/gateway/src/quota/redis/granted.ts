import type { NanoUsd } from '../../core/money.ts'
import { DEFAULT_WHILE_UNAVAILABLE, type Limits } from '../../core/team-limits.ts'
import type { MemoryQuota } from '../memory.ts'
import type { Bounds, Remaining } from '../store.ts'
import type { Allotment, Claim, Reserved } from './protocol.ts'

/** A moment by both clocks, in ms: the monotonic clock stops while the machine sleeps, the wall clock can be changed. */
export type Moment = { steady: number; wall: number }

/** A lease of this process: the amounts that are left of it, and the terms of its grant. */
export type Granted = Allotment & {
  number: number
  epoch: string
  day: number
  asked: Moment
  /** Amounts at the time of the grant. */
  full: Allotment
  /** Limits that were sent with the request. `binds`: `false` if a newer policy's limits apply instead. */
  limits: Limits
  binds: boolean
  /** Rest of the limits, less what this process has admitted since the grant. */
  left: Remaining
  /** Limits that apply where Redis answered others than `limits`; else `undefined`. */
  bounds: Bounds | undefined
}

/** An admission that Redis does not know. `at`: its ordinal. `isTaken`: it was taken from a lease while Redis was reachable. */
export type Unreported = Allotment & { at: number; isTaken: boolean }

/** Returns whether an admission is reported by this command, is in flight with another command, or neither. */
export type ReportState = (id: string) => 'reported' | 'inFlight' | 'unreported'

/** State at the time a command is sent. `upTo`: ordinal of the last admission that the claim covers. `asked`: time of sending. */
export type Snapshot = { claim: Claim; upTo: number; asked: Moment }

/**
 * A reservation that was sent to Redis and not answered yet. `taken`: the part of `need` that was subtracted from the lease.
 * Redis does not count a lease against its holder, so without this the lease could admit the same amount a second time.
 */
export type PendingReservation = { need: Allotment; taken: Allotment }

/** Subtracts what a pending reservation needs from the lease, at most what is left of it. */
export function takeFor(lease: Granted, reservation: PendingReservation): void {
  const { requests, tokens, usd } = reservation.need
  reservation.taken = {
    requests: Math.min(lease.requests, requests),
    tokens: Math.min(lease.tokens, tokens),
    usd: Math.min(lease.usd, usd),
  }
  lease.requests -= reservation.taken.requests
  lease.tokens -= reservation.taken.tokens
  lease.usd -= reservation.taken.usd
}

/** Returns whether an allotment covers `need` in every limit that is set. */
export const covers = (
  { requests, tokens, usd }: Allotment,
  need: Allotment,
  { rpm, tpm, usdPerDay }: Limits,
) =>
  (rpm === undefined || requests >= need.requests) &&
  (tpm === undefined || tokens >= need.tokens) &&
  (usdPerDay === undefined || usd >= need.usd)

/** Returns whether less than half of the grant is left. */
export const isLow = ({ requests, tokens, usd, full, limits: { rpm, tpm, usdPerDay } }: Granted) =>
  (rpm !== undefined && 2 * requests < full.requests) ||
  (tpm !== undefined && 2 * tokens < full.tokens) ||
  (usdPerDay !== undefined && 2 * usd < full.usd)

/** Subtracts usage from a lease and from its `left`. Amounts without a limit stay 0. */
export function use(lease: Granted, { requests, tokens, usd }: Allotment): void {
  const { limits, left } = lease
  if (limits.rpm !== undefined) lease.requests = Math.max(0, lease.requests - requests)
  if (limits.tpm !== undefined) lease.tokens = Math.max(0, lease.tokens - tokens)
  if (limits.usdPerDay !== undefined) lease.usd = Math.max(0, lease.usd - usd)
  lease.left = lessLeft(left, { requests, tokens, usd })
}

export const less = (one: Allotment, { requests, tokens, usd }: Allotment): Allotment => ({
  requests: Math.max(0, one.requests - requests),
  tokens: Math.max(0, one.tokens - tokens),
  usd: Math.max(0, one.usd - usd),
})

export function lessLeft(left: Remaining, { requests, tokens, usd }: Allotment): Remaining {
  const rest: Remaining = {}
  if (left.requests !== undefined) rest.requests = Math.max(0, left.requests - requests)
  if (left.tokens !== undefined) rest.tokens = Math.max(0, left.tokens - tokens)
  if (left.usd !== undefined) rest.usd = Math.max(0, left.usd - usd) as NanoUsd
  return rest
}

/**
 * Returns the limits that Redis applied if they differ from these: those of a newer policy, or less dollars because of the
 * reserved allowance. `undefined` if they are the same.
 */
export function boundsOf({ bounds }: Reserved, { rpm, tpm, usdPerDay }: Bounds): Bounds | undefined {
  const isOwn = bounds.rpm === rpm && bounds.tpm === tpm && bounds.usdPerDay === usdPerDay
  return isOwn ? undefined : bounds
}

export function areSame(one: Limits, other: Limits): boolean {
  if (one === other) return true
  const [a, b] = [
    one.whileUnavailable ?? DEFAULT_WHILE_UNAVAILABLE,
    other.whileUnavailable ?? DEFAULT_WHILE_UNAVAILABLE,
  ]
  return (
    one.rpm === other.rpm &&
    one.tpm === other.tpm &&
    one.usdPerDay === other.usdPerDay &&
    one.tpmMode === other.tpmMode &&
    one.timezone === other.timezone &&
    one.version === other.version &&
    a.rates === b.rates &&
    a.dollars === b.dollars &&
    a.leased === b.leased &&
    a.allowance === b.allowance &&
    a.allowanceOfRates === b.allowanceOfRates
  )
}

export const NOTHING: Readonly<Allotment> = Object.freeze({ requests: 0, tokens: 0, usd: 0 })

export function add(sum: Allotment, { requests, tokens, usd }: Allotment): void {
  sum.requests += requests
  sum.tokens += tokens
  sum.usd += usd
}

/** Returns what is left of a lease after the calls in `store`. */
export function leftOf(name: string, lease: Granted, store: MemoryQuota, limits: Limits): Allotment {
  const { requests, tokens, usd } = lease
  const left = store.left(name, { ...limits, rpm: requests, tpm: tokens, usdPerDay: usd as NanoUsd })
  return { requests: left.requests ?? 0, tokens: left.tokens ?? 0, usd: left.usd ?? 0 }
}

/** Returns the sum of unreported admissions that were taken from a lease while Redis was reachable. */
export function takenOf(unreported: ReadonlyMap<string, Unreported>): Allotment {
  const sum = { ...NOTHING }
  for (const one of unreported.values()) if (one.isTaken) add(sum, one)
  return sum
}
