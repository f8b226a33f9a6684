import { DEFAULT_WHILE_UNAVAILABLE, type Limits } from '../../core/limits.ts'
import type { NanoUsd } from '../../core/money.ts'
import { createMemoryQuota, type MemoryQuota } from '../memory.ts'
import type { Reservation, Settlement, Verdict } from '../store.ts'
import { dayNumber, type Zone } from './day-boundary.ts'
import type { Allotment, Claim, Load, Reserved } from './protocol.ts'

/** For a process that Redis never told how many there are: more than most teams run, since to err low is safe. */
export const PROCESSES = 8
/** So long after it was asked for, a lease's requests and tokens may be used; afterwards Redis counts them as used. */
const LEASE_MS = 60_000
/** And its dollars; Redis counts them as spent after two hours without a word. */
const DOLLARS_MS = 3_600_000
/** Redis may be back at any moment. */
const AGAIN_MS = 1_000

type Clocks = { steady: () => number; wall: () => number }

/** When a lease was asked for, by both clocks: one stands still while the machine sleeps, the other can be set. */
type Moment = { steady: number; wall: number }

type Granted = Allotment & { number: number; epoch: string; day: number; asked: Moment }

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
  untold: Map<string, Allotment & { at: number }>
  count: number
}

/** What Redis last told: the most processes that were alive at one time (0: never told), and what the window held. */
type Told = { processes: number; heard: Load }

/** What goes with a command to Redis, and what of this process's own admissions it covers. */
export type Stand = { claim: Claim; upTo: number; asked: Moment }

/**
 * Decides in this process while Redis is away, by what this process was granted while Redis was there: for a minute its
 * lease, which Redis keeps from all others; then, of requests and tokens, one part in as many as there are processes. A
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
        untold: new Map(),
        count: 0,
      }
      teams.set(name, team)
    }
    return team
  }

  const now = (): Moment => ({ steady: steady(), wall: wall() })
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
    told: Told,
  ): { limits: Limits; store: MemoryQuota } {
    const { lease } = team
    const { allowance } = limits.whileUnavailable ?? DEFAULT_WHILE_UNAVAILABLE
    const known = Math.max(told.processes, processes ?? (lease === undefined ? PROCESSES : 1))
    const valid = lease !== undefined && age(lease) < DOLLARS_MS
    const leased = valid && lease.day === dayNumber(wall(), zone) ? lease.usd : 0
    const spare = Math.floor(allowance / Math.max(told.processes, processes ?? PROCESSES))
    const usd = valid ? leased : spare
    const fresh = lease !== undefined && age(lease) < LEASE_MS ? lease : undefined
    const isOnly = processes === 1 && told.processes <= 1
    const left = (limit: number, kind: keyof Load) =>
      isOnly ? Math.max(0, limit - told.heard[kind]) : (fresh?.[kind] ?? 0)
    const part = (limit: number, kind: keyof Load) =>
      fresh === undefined ? Math.floor(limit / known) : left(limit, kind)
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
    reserve(reservation: Reservation, zone: Zone, told: Told): Verdict | undefined {
      const { id, limits, requests = 1, worstCost } = reservation
      const team = of(reservation.team)
      const { limits: own, store } = bounds(team, limits, zone, told)
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
      team.untold.set(id, { requests, tokens: Math.max(0, tokens), usd: worstCost, at: team.count })
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
    stand(name: string, limits: Limits, zone: Zone, except?: string): Stand {
      const team = of(name)
      const { lease, store, untold } = team
      team.open.clear()
      const has =
        lease === undefined
          ? NOTHING
          : held(lease, team.isUsed ? leftOf(name, lease, store, limits) : lease, zone)
      let unsaid = NOTHING
      if (untold.size > 0) {
        unsaid = { ...NOTHING }
        for (const [id, one] of untold) if (id !== except) add(unsaid, one)
      }
      return { claim: { number: lease?.number ?? 0, has, untold: unsaid }, upTo: team.count, asked: now() }
    },
    /** Redis has answered: what it grants takes the place of what there was, less what was admitted here since it was asked. */
    grant(name: string, { lease, epoch, day }: Reserved, { upTo, asked }: Stand) {
      const team = of(name)
      if (team.lease?.epoch === epoch && lease.number < team.lease.number) return
      const since = { ...NOTHING }
      for (const one of team.untold.values()) if (one.at > upTo) add(since, one)
      // Made anew for what was admitted from it alone: nearly all replies come to an untouched one.
      if (team.isUsed) team.store = newStore()
      team.isUsed = false
      team.open.clear()
      team.lease = {
        number: lease.number,
        requests: Math.max(0, lease.requests - since.requests),
        tokens: Math.max(0, lease.tokens - since.tokens),
        usd: Math.max(0, lease.usd - since.usd),
        epoch,
        day,
        asked,
      }
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
    told: (name: string, id: string) => void teams.get(name)?.untold.delete(id),
  }
}

const NOTHING: Readonly<Allotment> = Object.freeze({ requests: 0, tokens: 0, usd: 0 })

/** What the calls that were admitted from a lease have left of it. */
function leftOf(name: string, lease: Granted, store: MemoryQuota, limits: Limits): Allotment {
  const { requests, tokens, usd } = lease
  const left = store.left(name, { ...limits, rpm: requests, tpm: tokens, usdPerDay: usd as NanoUsd })
  return { requests: left.requests ?? 0, tokens: left.tokens ?? 0, usd: left.usd ?? 0 }
}

function add(sum: Allotment, { requests, tokens, usd }: Allotment): void {
  sum.requests += requests
  sum.tokens += tokens
  sum.usd += usd
}

const defined = <T extends object>(all: T) =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>
  }

/** What is larger than the lease may fit as soon as Redis is back. */
const fits = ({ limits: { tpm, usdPerDay }, inputTokens, worstCost }: Reservation) =>
  (tpm === undefined || inputTokens <= tpm) && (usdPerDay === undefined || worstCost <= usdPerDay)
