import { DEFAULT_WHILE_UNAVAILABLE, type Limits } from '../../core/limits.ts'
import type { NanoUsd } from '../../core/money.ts'
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
import type { Allotment, Load, Reserved } from './protocol.ts'

/** For a process that Redis never told how many there are: more than most teams run, since to err low is safe. */
export const PROCESSES = 8
/** So long after it was asked for, a lease's requests and tokens may be used; afterwards Redis counts them as used. */
const LEASE_MS = 60_000
/** And its dollars; Redis counts them as spent after two hours without a word. */
const DOLLARS_MS = 3_600_000
/** Redis may be back at any moment. */
const AGAIN_MS = 1_000
/**
 * While Redis is there, a lease is used only so long after it was asked for: what Redis has come to know since, such as
 * other limits or a loss of its state, is learned of as soon.
 */
const FRESH_MS = 1_000
/** So close to midnight, Redis is asked: its clock may differ from this one. */
const MIDNIGHT_MS = 2_000

type Admitted = Extract<Verdict, { admitted: true }>

type Clocks = { steady: () => number; wall: () => number }

type Team = {
  lease: Granted | undefined
  /** What was admitted here since the lease was granted. */
  store: MemoryQuota
  isUsed: boolean
  /** What was admitted here without a lease: it is never granted anew, so it is never forgotten. */
  spare: MemoryQuota
  /** Admitted here, and not settled; settling gives the rest back to the store. */
  open: Map<string, MemoryQuota>
  /** Admitted here, and not told to Redis; with the order in which they came. */
  unreported: Map<string, Unreported>
  /** Reservations on their way to Redis. */
  pending: Set<PendingReservation>
  count: number
}

/** What Redis last told: the most processes that were alive at one time (0: never told), and what the window held. */
type Knowledge = { processes: number; heard: Load }

/**
 * Decides in this process, by what it was granted: while Redis is there, what its lease covers. While Redis is away, for a
 * minute its lease, which Redis keeps from all others; then, of requests and tokens, one part in as many as there are processes. A
 * process that is the only one, as its options say, has all that was left of its minute. Dollars are never more than its
 * lease. Without a lease, they are a part of the policy's allowance.
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

  /** Of what is left of a lease, what may still be used. */
  function held(lease: Granted, left: Allotment, zone: Zone): Allotment {
    const isFresh = age(lease) < LEASE_MS
    const hasDollars = age(lease) < DOLLARS_MS && lease.day === dayNumber(wall(), zone)
    return {
      requests: isFresh ? left.requests : 0,
      tokens: isFresh ? left.tokens : 0,
      usd: hasDollars ? left.usd : 0,
    }
  }

  /** The limits that bind here, and the books that count against them. */
  function bounds(
    team: Team,
    limits: Limits,
    zone: Zone,
    known: Knowledge,
  ): { limits: Limits; store: MemoryQuota } {
    const { lease } = team
    const { allowance } = limits.whileUnavailable ?? DEFAULT_WHILE_UNAVAILABLE
    const count = Math.max(known.processes, processes ?? (lease === undefined ? PROCESSES : 1))
    const valid = lease !== undefined && age(lease) < DOLLARS_MS
    const leased = valid && lease.day === dayNumber(wall(), zone) ? lease.usd : 0
    const spare = Math.floor(allowance / Math.max(known.processes, processes ?? PROCESSES))
    const usd = valid ? leased : spare
    const fresh = lease !== undefined && age(lease) < LEASE_MS ? lease : undefined
    const isOnly = processes === 1 && known.processes <= 1
    const left = (limit: number, kind: keyof Load) =>
      isOnly ? Math.max(0, limit - known.heard[kind] - takenOf(team.unreported)[kind]) : (fresh?.[kind] ?? 0)
    const part = (limit: number, kind: keyof Load) =>
      fresh === undefined ? Math.floor(limit / count) : left(limit, kind)
    const { rpm, tpm } = limits
    const ofMinute = {
      ...(rpm === undefined ? {} : { rpm: part(rpm, 'requests') }),
      ...(tpm === undefined ? {} : { tpm: part(tpm, 'tokens') }),
    }
    const own = {
      ...limits,
      ...ofMinute,
      ...(limits.usdPerDay === undefined ? {} : { usdPerDay: usd as NanoUsd }),
    }
    return { limits: own, store: valid ? team.store : team.spare }
  }

  return {
    /** `undefined`: it has no dollars to go on with. */
    reserve(reservation: Reservation, zone: Zone, known: Knowledge): Verdict | undefined {
      const { id, limits, requests = 1, worstCost } = reservation
      const team = of(reservation.team)
      const { limits: own, store } = bounds(team, limits, zone, known)
      if (own.usdPerDay === 0) return undefined
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
    /** Only what was admitted here, and only while Redis has not been told of it. */
    settle(settlement: Settlement) {
      const team = teams.get(settlement.team)
      const store = team?.open.get(settlement.id)
      team?.open.delete(settlement.id)
      store?.settle(settlement)
    },
    /** Said in the moment in which a command leaves: from then on, nothing that ends gives anything back to the lease. */
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
        // It has them again if they fail.
        for (const reservation of pending) add(claim.has, reservation.taken)
        claim.has = held(lease, claim.has, zone)
      }
      for (const [id, one] of unreported) {
        const where = reportStateOf(id)
        if (where !== 'reported') add(claim[where], one)
      }
      return { claim, upTo: team.count, asked: now() }
    },
    /** A reservation leaves for Redis. */
    begin(name: string, need: Allotment): PendingReservation {
      const { lease, pending } = of(name)
      const reservation = { need, taken: NOTHING }
      if (lease !== undefined) takeFor(lease, reservation)
      pending.add(reservation)
      return reservation
    },
    /** Redis has answered it: what it grants says the rest. */
    answered: (name: string, reservation: PendingReservation) => void of(name).pending.delete(reservation),
    /** Redis has not: what it needed is there again. */
    failed(name: string, reservation: PendingReservation) {
      const { lease, pending } = of(name)
      if (!pending.delete(reservation) || lease === undefined) return
      lease.requests += reservation.taken.requests
      lease.tokens += reservation.taken.tokens
      lease.usd += reservation.taken.usd
    },
    /** Redis has answered: what it grants takes the place of what there was, less what was admitted here since it was asked. */
    grant(name: string, reserved: Reserved, { upTo, asked }: Snapshot, limits: Limits) {
      const { lease, epoch, day, remaining, version } = reserved
      const team = of(name)
      if (team.lease?.epoch === epoch && lease.number < team.lease.number) return
      const since = { ...NOTHING }
      for (const one of team.unreported.values()) if (one.at > upTo) add(since, one)
      // Made anew for what was admitted from it alone: nearly all replies come to an untouched one.
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
    /** Admits it by the lease while Redis is there, if all of it is leased. `isLow`: there is not much left for more. */
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
    /** It took less, or more, than was admitted; said before Redis is told of it. */
    correct(name: string, id: string, tokens: number, usd: number) {
      const team = teams.get(name)
      const one = team?.unreported.get(id)
      if (team === undefined || one === undefined) return
      if (team.lease !== undefined)
        use(team.lease, { requests: 0, tokens: tokens - one.tokens, usd: usd - one.usd })
      one.tokens = tokens
      one.usd = usd
    },
    /** Teams that have granted this process a lease; asked once, when it ends: it has none from then on. */
    holders(): string[] {
      const names = [...teams]
        .filter(([, { lease }]) => lease !== undefined && lease.number > 0)
        .map(([name]) => name)
      for (const name of names) of(name).lease = undefined
      return names
    },
    /** Redis has heard of this admission, or never will. */
    forget: (name: string, id: string) => void teams.get(name)?.unreported.delete(id),
  }
}

export type LocalShare = ReturnType<typeof createLocalShare>

const defined = <T extends object>(all: T) =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>
  }

/** What is larger than the lease may fit as soon as Redis is back. */
const fits = ({ limits: { tpm, usdPerDay }, inputTokens, worstCost }: Reservation) =>
  (tpm === undefined || inputTokens <= tpm) && (usdPerDay === undefined || worstCost <= usdPerDay)
