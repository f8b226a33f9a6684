import type { Limits } from '../../core/team-limits.ts'
import { createMemoryQuota, type MemoryQuota } from '../memory.ts'
import type { Reservation, Settlement, Verdict } from '../store.ts'
import { SPAN_MS } from '../window.ts'
import { dayNumber, type Zone } from './day-boundary.ts'
import {
  add,
  areSame,
  boundsOf,
  covers,
  type Granted,
  isLow,
  leftOf,
  less,
  lessLeft,
  type Moment,
  NOTHING,
  type PendingReservation,
  type ReportState,
  type Snapshot,
  takeFor,
  takenOf,
  type Unreported,
  use,
} from './granted.ts'
import { boundsInOutage, type Outage } from './outage-bounds.ts'
import type { Allotment, Reserved } from './protocol.ts'

/** Time from the request for which a lease's requests and tokens may be used; Redis counts them as used afterwards. */
const LEASE_MS = 60_000
/** Time from the request for which a lease's dollars may be used; Redis counts them as spent after two silent hours. */
const DOLLARS_MS = 3_600_000
/** `retryAfterMs` of a refusal while Redis is unreachable. */
const AGAIN_MS = 1_000
/** Time from the request for which calls are admitted by lease: the longest delay until other limits become known. */
const FRESH_MS = 1_000
/** Time before midnight from which Redis decides: its clock may differ from the local one. */
const MIDNIGHT_MS = 2_000

type Admitted = Extract<Verdict, { admitted: true }>

type Clocks = { steady: () => number; wall: () => number }

type Team = {
  lease: Granted | undefined
  /** Admissions since the lease was granted. */
  store: MemoryQuota
  /** True if `store` has admitted a call since the grant. */
  isUsed: boolean
  /** Admissions without a lease. Kept for the life of the process: this share is never granted again. */
  spare: MemoryQuota
  /** Stores of unsettled calls, by id: a settlement gives the unused rest back to them. */
  open: Map<string, MemoryQuota>
  /** Admissions that Redis does not know, by id. */
  unreported: Map<string, Unreported>
  /** Reservations that were sent to Redis and not answered yet. */
  pending: Set<PendingReservation>
  /** Number of admissions until now; gives each its ordinal. */
  count: number
}

/**
 * Decides reservations in this process: while Redis is reachable those that the lease covers, and while it is unreachable
 * all, within `boundsInOutage`.
 */
export function createLocalShare({ steady, wall }: Clocks, processes: number | undefined) {
  const teams = new Map<string, Team>()
  const newStore = () => createMemoryQuota(wall, steady)

  function of(name: string): Team {
    let team = teams.get(name)
    if (team === undefined) {
      team = {
        lease: undefined,
        store: newStore(),
        isUsed: false,
        spare: newStore(),
        open: new Map(),
        unreported: new Map(),
        pending: new Set(),
        count: 0,
      }
      teams.set(name, team)
    }
    return team
  }

  const now = (): Moment => ({ steady: steady(), wall: wall() })
  const isDayOf = ({ day }: Granted, zone: Zone) =>
    dayNumber(wall(), zone) === day && dayNumber(wall() + MIDNIGHT_MS, zone) === day
  const age = ({ asked }: Granted) => Math.max(steady() - asked.steady, wall() - asked.wall)

  /** Returns the part of a lease's rest that has not expired. */
  function held(lease: Granted, left: Allotment, zone: Zone): Allotment {
    const isFresh = age(lease) < LEASE_MS
    const hasDollars = age(lease) < DOLLARS_MS && lease.day === dayNumber(wall(), zone)
    return {
      requests: isFresh ? left.requests : 0,
      tokens: isFresh ? left.tokens : 0,
      usd: hasDollars ? left.usd : 0,
    }
  }

  /** Returns the limits that apply in this process while Redis is unreachable, and the store that counts against them. */
  function bounds(
    team: Team,
    limits: Limits,
    zone: Zone,
    outage: Outage,
  ): { limits: Limits; store: MemoryQuota } {
    const { lease } = team
    const isValid = lease !== undefined && age(lease) < DOLLARS_MS
    const own = boundsInOutage(limits, {
      ...outage,
      processes,
      lease: lease !== undefined && age(lease) < LEASE_MS ? lease : undefined,
      leasedUsd: isValid ? (lease.day === dayNumber(wall(), zone) ? lease.usd : 0) : undefined,
      wasGranted: lease !== undefined,
      taken: takenOf(team.unreported),
    })
    return { limits: own, store: isValid ? team.store : team.spare }
  }

  return {
    /** Decides while Redis is unreachable. Returns `undefined` if this process may use nothing of a limit without Redis. */
    reserve(reservation: Reservation, zone: Zone, outage: Outage): Verdict | undefined {
      const { id, limits, requests = 1, worstCost } = reservation
      const team = of(reservation.team)
      const { limits: own, store } = bounds(team, limits, zone, outage)
      if (own.usdPerDay === 0 || own.rpm === 0 || own.tpm === 0) return undefined
      const before = store.left(reservation.team, own)
      const verdict = store.reserve({ ...reservation, limits: own })
      const { rpm, tpm, usdPerDay } = own
      const standing = { bounds: defined({ rpm, tpm, usdPerDay }), degraded: true } as const
      if (!verdict.admitted) {
        const again = fits(reservation) ? AGAIN_MS : undefined
        return { ...verdict, ...standing, retryAfterMs: again }
      }
      const tokens = (before.tokens ?? 0) - (verdict.remaining.tokens ?? 0)
      team.count += 1
      if (store === team.store) team.isUsed = true
      team.open.set(id, store)
      team.unreported.set(id, {
        requests,
        tokens: Math.max(0, tokens),
        usd: worstCost,
        at: team.count,
        isTaken: false,
      })
      return { ...verdict, ...standing }
    },
    /** Settles a call that was admitted locally, if Redis does not know it. */
    settle(settlement: Settlement) {
      const team = teams.get(settlement.team)
      const store = team?.open.get(settlement.id)
      team?.open.delete(settlement.id)
      store?.settle(settlement)
    },
    /** Returns the state to send with a command. Calls that end later give nothing back to the lease. */
    snapshot(name: string, limits: Limits, zone: Zone, reportStateOf: ReportState): Snapshot {
      const team = of(name)
      const { lease, store, unreported, pending } = team
      team.open.clear()
      const claim = {
        number: lease?.number ?? 0,
        has: { ...NOTHING },
        unreported: { ...NOTHING },
        inFlight: { ...NOTHING },
      }
      if (lease !== undefined) {
        add(claim.has, team.isUsed ? leftOf(name, lease, store, limits) : lease)
        // A pending reservation that fails gives its part back to the lease.
        for (const reservation of pending) add(claim.has, reservation.taken)
        claim.has = held(lease, claim.has, zone)
      }
      for (const [id, one] of unreported) {
        const where = reportStateOf(id)
        if (where !== 'reported') add(claim[where], one)
      }
      return { claim, upTo: team.count, asked: now() }
    },
    /** Notes that a reservation is sent to Redis, and takes it from the lease. */
    begin(name: string, need: Allotment): PendingReservation {
      const { lease, pending } = of(name)
      const reservation = { need, taken: NOTHING }
      if (lease !== undefined) takeFor(lease, reservation)
      pending.add(reservation)
      return reservation
    },
    /** Notes that Redis has answered: the new grant accounts for the reservation. */
    answered: (name: string, reservation: PendingReservation) => void of(name).pending.delete(reservation),
    /** Notes that Redis has not answered: gives the reservation's part back to the lease. */
    failed(name: string, reservation: PendingReservation) {
      const { lease, pending } = of(name)
      if (!pending.delete(reservation) || lease === undefined) return
      lease.requests += reservation.taken.requests
      lease.tokens += reservation.taken.tokens
      lease.usd += reservation.taken.usd
    },
    /** Replaces the lease by a new grant, less the admissions since its request was sent. */
    grant(name: string, reserved: Reserved, { upTo, asked }: Snapshot, limits: Limits) {
      const { lease, epoch, day, remaining, version } = reserved
      const team = of(name)
      if (team.lease?.epoch === epoch && lease.number < team.lease.number) return
      const since = { ...NOTHING }
      for (const one of team.unreported.values()) if (one.at > upTo) add(since, one)
      // A new store is needed only after admissions; most replies arrive without any.
      if (team.isUsed) team.store = newStore()
      team.isUsed = false
      team.open.clear()
      team.lease = {
        number: lease.number,
        ...less(lease, since),
        epoch,
        day,
        asked,
        full: lease,
        limits,
        binds: (limits.version ?? 0) === 0 || (limits.version ?? 0) >= version,
        left: lessLeft(remaining, since),
        bounds: boundsOf(reserved, limits),
      }
      for (const reservation of team.pending) takeFor(team.lease, reservation)
    },
    /** Admits a call by lease. Returns `undefined` if the lease does not cover it. `isLow`: under half of the grant is left. */
    take(
      reservation: Reservation,
      tokens: number,
      zone: Zone,
    ): { verdict: Admitted; isLow: boolean } | undefined {
      const { id, limits, requests = 1, worstCost } = reservation
      const team = teams.get(reservation.team)
      const lease = team?.lease
      if (team === undefined || lease === undefined || team.isUsed) return undefined
      if (!lease.binds || age(lease) >= FRESH_MS || !areSame(limits, lease.limits)) return undefined
      const taken = { requests, tokens, usd: worstCost }
      if (!covers(lease, taken, limits)) return undefined
      if (limits.usdPerDay !== undefined && !isDayOf(lease, zone)) return undefined
      team.count += 1
      team.unreported.set(id, { ...taken, at: team.count, isTaken: true })
      use(lease, taken)
      const { bounds, left } = lease
      const standing = { remaining: left, resetMs: SPAN_MS, ...(bounds === undefined ? {} : { bounds }) }
      return { verdict: { admitted: true, ...standing }, isLow: isLow(lease) }
    },
    /** Replaces the estimate of an unreported call by its actual usage. */
    correct(name: string, id: string, tokens: number, usd: number) {
      const team = teams.get(name)
      const one = team?.unreported.get(id)
      if (team === undefined || one === undefined) return
      if (team.lease !== undefined)
        use(team.lease, { requests: 0, tokens: tokens - one.tokens, usd: usd - one.usd })
      one.tokens = tokens
      one.usd = usd
    },
    /** Removes all leases, and returns the names of their teams. Called once, when the process ends. */
    holders(): string[] {
      const names = [...teams]
        .filter(([, { lease }]) => lease !== undefined && lease.number > 0)
        .map(([name]) => name)
      for (const name of names) of(name).lease = undefined
      return names
    },
    /** Removes an admission that Redis knows now, or will never know. */
    forget: (name: string, id: string) => void teams.get(name)?.unreported.delete(id),
  }
}

export type LocalShare = ReturnType<typeof createLocalShare>

const defined = <T extends object>(all: T) =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>
  }

/** Returns whether a call fits the team's whole limits: refused by the share, it may fit once Redis is reachable. */
const fits = ({ limits: { tpm, usdPerDay }, inputTokens, worstCost }: Reservation) =>
  (tpm === undefined || inputTokens <= tpm) && (usdPerDay === undefined || worstCost <= usdPerDay)
