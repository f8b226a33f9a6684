import type { NanoUsd } from '../core/money.ts'
import type { LimitName, Limits } from '../core/team-limits.ts'
import { DAY_MS, dayOf, untilDayEnds } from './day.ts'
import { createOutputEstimate } from './output-estimate.ts'
import type { Remaining, Reservation, Settlement, Verdict } from './store.ts'
import { createWindow, SPAN_MS, type Window } from './window.ts'

/** Dollars of one day, in billionths. `unconfirmed`: may have been spent, but no settlement confirms it. */
type Ledger = { spent: number; held: number; unconfirmed: number }

/** `days`: ledgers by date. `seen`: time of the last use, in milliseconds. */
type Team = { window: Window; days: Map<string, Ledger>; seen: number }

/**
 * State of a reservation. When its lease expires unsettled, its `worstCost` moves from `held` to `unconfirmed` until a late
 * settlement arrives. `second`: its bucket of the window. `expires`: monotonic time, in milliseconds.
 */
type Claim = {
  state: 'open' | 'expired'
  verdict: Verdict
  reservation: Reservation
  ledger: Ledger
  second: number
  tokens: number
  expires: number
}

/** A `QuotaStore` that answers synchronously. */
export type MemoryQuota = {
  reserve: (reservation: Reservation) => Verdict
  settle: (settlement: Settlement) => void
  /** Returns what is left of these limits in a team's current window and day. */
  left: (team: string, limits: Limits) => Remaining
  /** Returns the number of reservations kept, settled ones included. */
  size: () => number
}

/** Time for which an id is kept after its call was settled. */
const REMEMBER_MS = 60_000
const TEAM_IDLE_MS = 2 * 86_400_000
/** Days kept per team: a wall clock that is set to another day and back finds each day's ledger unchanged. */
const MOST_DAYS = 8

/**
 * Creates a quota store in this process's memory: the default, and the reference for every other store.
 *
 * - Requests: no span of 60 seconds holds more admissions than `rpm`.
 * - Dollars: `spent + held + unconfirmed` never exceeds `usdPerDay`, on the day of admission.
 * - Tokens: in `strict` mode no span of 60 seconds holds more reserved tokens than `tpm`. In `expected` mode a span may
 *   exceed it by the tokens that calls in flight wrote beyond their expectation; these count in the next window.
 *
 * Windows and leases use a monotonic clock, days the wall clock.
 */
export function createMemoryQuota(
  wall: () => number = Date.now,
  steady: () => number = wall === Date.now ? () => performance.now() : wall,
): MemoryQuota {
  const teams = new Map<string, Team>()
  const claims = new Map<string, Claim>()
  const settled = new Map<string, { verdict: Verdict; until: number }>()
  const outputEstimate = createOutputEstimate()
  let latest = 0
  let latestWall = 0
  let nextExpiry = Number.POSITIVE_INFINITY

  /** Returns a time that never goes back, even if the given clock does: that would reopen the window. */
  function now(): number {
    latest = Math.max(latest, steady())
    return latest
  }

  function teamOf(name: string, at: number): Team {
    let team = teams.get(name)
    if (team === undefined) {
      for (const [other, { seen }] of teams) if (at - seen > TEAM_IDLE_MS) teams.delete(other)
      team = { window: createWindow(), days: new Map(), seen: at }
      teams.set(name, team)
    }
    team.seen = at
    return team
  }

  /** Returns the current day. A wall clock that is set back by less than a day does not return to an earlier day. */
  function today(timezone: string): string {
    const at = wall()
    latestWall = at < latestWall - DAY_MS ? at : Math.max(latestWall, at)
    return dayOf(latestWall, timezone)
  }

  function ledgerOf(team: Team, day: string): Ledger {
    let ledger = team.days.get(day)
    if (ledger === undefined) {
      for (const old of [...team.days.keys()].slice(0, 1 - MOST_DAYS)) team.days.delete(old)
      ledger = { spent: 0, held: 0, unconfirmed: 0 }
      team.days.set(day, ledger)
    }
    return ledger
  }

  function sweep(at: number) {
    for (const [id, { until }] of settled) {
      if (until > at) break
      settled.delete(id)
    }
    if (at < nextExpiry) return
    nextExpiry = Number.POSITIVE_INFINITY
    for (const [id, claim] of claims) {
      if (claim.expires <= at) expire(id, claim, at)
      if (claim.expires > at) nextExpiry = Math.min(nextExpiry, claim.expires)
    }
  }

  function expire(id: string, claim: Claim, at: number) {
    if (claim.state === 'expired') return claims.delete(id)
    claim.ledger.held -= claim.reservation.worstCost
    claim.ledger.unconfirmed += claim.reservation.worstCost
    claim.state = 'expired'
    claim.expires = at + TEAM_IDLE_MS
  }

  function reserve(reservation: Reservation): Verdict {
    const at = now()
    sweep(at)
    const known = claims.get(reservation.id) ?? settled.get(reservation.id)
    if (known !== undefined) return known.verdict

    const { limits, worstCost, requests = 1 } = reservation
    const team = teamOf(reservation.team, at)
    const ledger = ledgerOf(team, today(limits.timezone))
    const load = team.window.load(at)
    const tokens = tokensToReserve(reservation)
    const refusal = refusalFor(reservation, team.window, load, ledger, tokens, at, wall())
    if (refusal !== undefined) return refusal

    // Everything that may throw runs before the first change of the state.
    const verdict: Verdict = {
      admitted: true,
      remaining: remaining(
        reservation,
        { requests: load.requests + requests, tokens: load.tokens + tokens },
        { ...ledger, held: ledger.held + worstCost },
      ),
      resetMs: SPAN_MS,
    }
    const second = team.window.add(at, requests, tokens)
    ledger.held += worstCost
    claims.set(reservation.id, {
      state: 'open',
      verdict,
      reservation,
      ledger,
      second,
      tokens,
      expires: at + reservation.leaseMs,
    })
    nextExpiry = Math.min(nextExpiry, at + reservation.leaseMs)
    return verdict
  }

  function tokensToReserve({ agent, model, limits, inputTokens, maxOutputTokens }: Reservation): number {
    const output =
      limits.tpmMode === 'strict'
        ? maxOutputTokens
        : Math.min(maxOutputTokens, outputEstimate.output(agent, model))
    return Math.ceil(inputTokens + output)
  }

  function settle(settlement: Settlement) {
    const at = now()
    if (settled.has(settlement.id)) return
    const claim = claims.get(settlement.id)
    const team = teamOf(settlement.team, at)
    // A negative or non-finite number must not give credit: the reservation counts in full.
    const cost = nonNegative(settlement.cost) ?? claim?.reservation.worstCost ?? 0
    const unconfirmed = nonNegative(settlement.unconfirmed) ?? 0
    const tokens = nonNegative(settlement.tokens) ?? claim?.tokens ?? 0
    const verdict: Verdict = claim?.verdict ?? { admitted: true, remaining: {} }
    settled.set(settlement.id, { verdict, until: at + REMEMBER_MS })
    claims.delete(settlement.id)

    // Without a claim the state was lost in between; the dollars were spent nevertheless.
    const ledger = claim?.ledger ?? ledgerOf(team, [...team.days.keys()].at(-1) ?? today('UTC'))
    ledger.spent += cost
    ledger.unconfirmed += unconfirmed
    if (claim === undefined) {
      team.window.add(at, 0, tokens)
      return
    }
    const { reservation } = claim
    ledger[claim.state === 'open' ? 'held' : 'unconfirmed'] -= reservation.worstCost
    if (tokens > claim.tokens) team.window.add(at, 0, tokens - claim.tokens)
    else team.window.giveBack(claim.second, claim.tokens - tokens)
    const learned = nonNegative(settlement.learnOutputTokens)
    if (learned !== undefined) outputEstimate.learn(reservation.agent, reservation.model, learned)
  }

  function left(name: string, limits: Limits): Remaining {
    const at = now()
    const team = teamOf(name, at)
    return remaining({ limits }, team.window.load(at), ledgerOf(team, today(limits.timezone)))
  }

  return { reserve, settle, left, size: () => claims.size + settled.size }
}

type Load = { requests: number; tokens: number }

function refusalFor(
  reservation: Reservation,
  window: Window,
  load: Load,
  ledger: Ledger,
  tokens: number,
  at: number,
  today: number,
): Verdict | undefined {
  const { limits, worstCost, requests = 1 } = reservation
  const { rpm, tpm, usdPerDay } = limits
  const no = (limit: LimitName, retryAfterMs: number | undefined): Verdict => ({
    admitted: false,
    limit,
    retryAfterMs,
    remaining: remaining(reservation, load, ledger),
    resetMs: window.emptyIn(at),
  })
  if (usdPerDay !== undefined && ledger.spent + ledger.held + ledger.unconfirmed + worstCost > usdPerDay) {
    if (worstCost > usdPerDay) return no('daily_usd', undefined)
    // Holds are mostly given back soon; spent money counts until the day ends.
    const onlyHolds = ledger.spent + ledger.unconfirmed + worstCost <= usdPerDay
    return no('daily_usd', onlyHolds ? 1_000 : untilDayEnds(today, limits.timezone))
  }
  if (tpm !== undefined && tokens > tpm) return no('tpm', undefined)
  const moreRequests = requests === 0 ? 0 : load.requests + requests - (rpm ?? Number.POSITIVE_INFINITY)
  const moreTokens = load.tokens + tokens - (tpm ?? Number.POSITIVE_INFINITY)
  const forRequests = moreRequests > 0 ? window.freeIn(at, 'requests', moreRequests) : 0
  const forTokens = moreTokens > 0 ? window.freeIn(at, 'tokens', moreTokens) : 0
  if (forRequests > 0 || forTokens > 0)
    return forRequests >= forTokens ? no('rpm', forRequests) : no('tpm', forTokens)
  return undefined
}

function remaining(
  { limits: { rpm, tpm, usdPerDay } }: Pick<Reservation, 'limits'>,
  load: Load,
  ledger: Ledger,
): Verdict['remaining'] {
  const left: Verdict['remaining'] = {}
  if (rpm !== undefined) left.requests = Math.max(0, rpm - load.requests)
  if (tpm !== undefined) left.tokens = Math.max(0, tpm - load.tokens)
  if (usdPerDay !== undefined)
    left.usd = Math.max(0, usdPerDay - ledger.spent - ledger.held - ledger.unconfirmed) as NanoUsd
  return left
}

const nonNegative = (value: number | undefined) =>
  value !== undefined && Number.isFinite(value) && value >= 0 ? Math.ceil(value) : undefined
