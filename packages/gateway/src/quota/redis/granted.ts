import { DEFAULT_WHILE_UNAVAILABLE, type Limits } from '../../core/limits.ts'
import type { NanoUsd } from '../../core/money.ts'
import type { MemoryQuota } from '../memory.ts'
import type { Bounds, Remaining } from '../store.ts'
import type { Allotment, Claim, Reserved } from './protocol.ts'

/** When a lease was asked for, by both clocks: one stands still while the machine sleeps, the other can be set. */
export type Moment = { steady: number; wall: number }

export type Granted = Allotment & {
  number: number
  epoch: string
  day: number
  asked: Moment
  /** As it was granted: what is used is taken from the lease itself. */
  full: Allotment
  /** The limits that Redis was asked with; and whether they bind, or a newer policy's do. */
  limits: Limits
  binds: boolean
  /** What was left of the limits, less what was admitted here since. */
  left: Remaining
  /** What binds, where Redis said that it is not what the limits say. */
  bounds: Bounds | undefined
}

/** What was admitted here, and not told to Redis, in the order `at`. `isTaken`: while Redis was there. */
export type Unreported = Allotment & { at: number; isTaken: boolean }

/** Whether what was admitted here goes with a command, is on its way with another one, or neither. */
export type ReportState = (id: string) => 'reported' | 'inFlight' | 'unreported'

/** What goes with a command to Redis, and what of this process's own admissions it covers. */
export type Snapshot = { claim: Claim; upTo: number; asked: Moment }

/**
 * A reservation that is on its way to Redis. What it needs is taken from the lease first: Redis, which does not count a
 * lease against its holder, would else admit it beside all that the lease admits meanwhile. `taken`: of the lease.
 */
export type PendingReservation = { need: Allotment; taken: Allotment }

/** Takes what a reservation on its way needs, as far as there is of it. */
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

/** All of it is leased. */
export const covers = (
  { requests, tokens, usd }: Allotment,
  need: Allotment,
  { rpm, tpm, usdPerDay }: Limits,
) =>
  (rpm === undefined || requests >= need.requests) &&
  (tpm === undefined || tokens >= need.tokens) &&
  (usdPerDay === undefined || usd >= need.usd)

/** Less than half of what was granted is left. */
export const isLow = ({ requests, tokens, usd, full, limits: { rpm, tpm, usdPerDay } }: Granted) =>
  (rpm !== undefined && 2 * requests < full.requests) ||
  (tpm !== undefined && 2 * tokens < full.tokens) ||
  (usdPerDay !== undefined && 2 * usd < full.usd)

/** From a lease, and from what it says is left of the limits. What does not bind stays at 0. */
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

/** What binds, where it is not what the limits say: a newer policy's, or less, for what is set apart. */
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
    a.allowance === b.allowance
  )
}

export const NOTHING: Readonly<Allotment> = Object.freeze({ requests: 0, tokens: 0, usd: 0 })

export function add(sum: Allotment, { requests, tokens, usd }: Allotment): void {
  sum.requests += requests
  sum.tokens += tokens
  sum.usd += usd
}

/** What the calls that were admitted from a lease have left of it. */
export function leftOf(name: string, lease: Granted, store: MemoryQuota, limits: Limits): Allotment {
  const { requests, tokens, usd } = lease
  const left = store.left(name, { ...limits, rpm: requests, tpm: tokens, usdPerDay: usd as NanoUsd })
  return { requests: left.requests ?? 0, tokens: left.tokens ?? 0, usd: left.usd ?? 0 }
}

/** Taken while Redis was there, which Redis has not heard of. */
export function takenOf(unreported: ReadonlyMap<string, Unreported>): Allotment {
  const sum = { ...NOTHING }
  for (const one of unreported.values()) if (one.isTaken) add(sum, one)
  return sum
}
