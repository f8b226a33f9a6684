import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { DEFAULT_WHILE_UNAVAILABLE, type Limits } from '../../core/limits.ts'
import { type RedisConnection, RedisUnavailable } from '../../redis/connection.ts'
import { createScript } from '../../redis/script.ts'
import { isInstance } from '../../util/error-text.ts'
import { attempt } from '../../util/faults.ts'
import { setSoon } from '../../util/timers.ts'
import {
  type Bounds,
  type QuotaStore,
  type Reservation,
  type Settlement,
  unused,
  type Verdict,
} from '../store.ts'
import { createZones } from './day-boundary.ts'
import leaseSource from './lease.lua'
import leaveSource from './leave.lua'
import { createLocalShare, type Stand } from './local-share.ts'
import { createProcessState } from './process-state.ts'
import type { Reserved } from './protocol.ts'
import { createReconciler, type PendingWrite } from './reconcile.ts'
import reserveSource from './reserve.lua'
import settleSource from './settle.lua'
import stateSource from './state.lua'
import { keysOf, reserveArgs, reservedOf, settleArgs, settledOf } from './wire.ts'

export type RedisQuotaOptions = {
  /** Whose clock counts. `client` is for servers whose scripts may not read theirs. @default 'server' */
  clock?: 'server' | 'client'
  /** Upstash: a script locks a team's keys, not the whole database. Without: counting goes on when Redis is full. @default false */
  keyLocking?: boolean
  /** How many processes share the limits, at least: while Redis is away, each uses its part. @default as many as Redis has seen, and 8 for a process that it never told */
  processes?: number
  /** This process's wall clock, in milliseconds. @default Date.now */
  now?: () => number
  /** This process's monotonic clock, in milliseconds. @default `now` where that is given, performance.now */
  steady?: () => number
  /** Told with each reservation the highest version of a policy that any process has brought. */
  onVersion?: (version: number) => void
}

/** `shared`: Redis counts for all. `share`: this process counts alone, by its share. `refusing`: nobody counts. */
type QuotaMode = 'shared' | 'share' | 'refusing'

export type QuotaStats = {
  mode: QuotaMode
  /** Reservations that Redis decided. */
  decided: number
  /** Reservations that this process decided alone, because Redis was away. */
  alone: number
  /** Reservations refused because Redis was away and the policy, or the lack of a lease, left nothing to go on with. */
  unavailable: number
  /** Answers of Redis that were errors. */
  errors: number
  /** Admissions and settlements that Redis has yet to hear of. */
  queued: number
  /** Of those, how many it never will. */
  dropped: number
}

export type RedisQuota = QuotaStore & {
  reserve: (reservation: Reservation) => Promise<Verdict>
  /** Never rejects: what cannot be said now is said later. */
  settle: (settlement: Settlement) => Promise<void>
  stats: () => QuotaStats
  /** Resolves once every call that was admitted is settled, and Redis has heard of it. */
  settled: () => Promise<void>
  /** Gives back what this process was granted to go on with without Redis. Never rejects; call it last. */
  leave: () => Promise<void>
  close: () => void
}

/** Soon enough for a Redis that was restarted. */
const AWAY_RETRY_MS = 1_000
const MOST_NAMES = 10_000
/** How long a reservation waits for Redis to hear of those that were admitted without it. */
const HANDBACK_MS = 100
/**
 * After a long outage, processes find Redis again within about a second of each other. Until all have told it what they
 * admitted, reservations wait: the first to ask would find room that others have taken.
 */
const REGATHER_MS = 1_300
/** After an outage this short, all that was admitted alone was leased, and is in the books. */
const SHORT_OUTAGE_MS = 50_000

/** Quotas that hold across all processes that share a Redis: one command to reserve, one to settle. */
export function createRedisQuota(link: RedisConnection, options: RedisQuotaOptions = {}): RedisQuota {
  const { clock = 'server', keyLocking = false, processes, now = Date.now, onVersion } = options
  const steady = options.steady ?? options.now ?? (() => performance.now())
  const flags = keyLocking ? 'allow-key-locking' : 'allow-oom'
  const reserveScript = createScript(`${stateSource}\n${leaseSource}\n${reserveSource}`, flags)
  const leaveScript = createScript(`${stateSource}\n${leaseSource}\n${leaveSource}`, flags)
  const settleScript = createScript(`${stateSource}\n${settleSource}`, flags)
  const self = randomUUID()
  const zoneOf = createZones()
  const zones = new Map<string, string>()
  const knowledge = createProcessState()
  const alone = createLocalShare({ steady, wall: now }, processes)
  const handback = createReconciler(sayLater, steady, link.fault)
  let mode: QuotaMode = 'shared'
  const counts = { decided: 0, alone: 0, unavailable: 0, errors: 0 }
  /** Ids under which reservations are tried again. */
  const names = new LRUCache<string, string>({ max: MOST_NAMES })
  let retired = 0
  // Admitted and not settled yet, or being settled.
  const unsettled = new Set<string>()
  const idle: (() => void)[] = []

  async function reserve(given: Reservation): Promise<Verdict> {
    const reservation = renamed(given)
    zones.set(reservation.team, reservation.limits.timezone)
    const verdict = await decide(reservation)
    if (verdict.admitted) unsettled.add(reservation.id)
    return verdict
  }

  function renamed<T extends { id: string }>(given: T): T {
    const id = names.get(given.id)
    return id === undefined ? given : { ...given, id }
  }

  /** Redis may have admitted it and is told to let it go: if it is tried again, it is under another id. */
  function giveUp(given: string) {
    retired += 1
    names.set(given.replace(/~\d+$/, ''), `${given.replace(/~\d+$/, '')}~${retired}`)
  }

  async function decide(reservation: Reservation): Promise<Verdict> {
    const { id, team, limits } = reservation
    let sent = false
    const pauseMs = regatherMs(link)
    if (pauseMs > 0) await sleep(pauseMs)
    if (!handback.owesAdmissions(team) || (await handback.admissionsTold(team, HANDBACK_MS)))
      try {
        const reserved = await ask(reservation, undefined, () => {
          sent = true
        })
        counts.decided += 1
        mode = 'shared'
        handback.kick()
        return verdictOf(reserved, limits)
      } catch (error) {
        note(error)
      }
    const verdict = mayGoOn(limits) ? byLease(reservation) : unavailable()
    const at = steady()
    if (verdict.admitted) handback.push({ kind: 'admitted', team, id, at, reservation })
    // It may have been admitted there, and nobody will use that.
    else if (sent) {
      handback.push({ kind: 'settled', team, id, at, settlement: unused(reservation) })
      giveUp(id)
    }
    return verdict
  }

  async function ask(reservation: Reservation, ageMs: number | undefined, onSend?: () => void) {
    const { team, id, limits, requests = 1 } = reservation
    const zone = zoneOf(now(), limits.timezone)
    let stand: Stand | undefined
    const reply = await link.run((client) => {
      onSend?.()
      const at = steady()
      const asker = {
        now: clock === 'client' ? now() : '',
        process: self,
        announce: knowledge.isTimeToAnnounce(team, at),
      } as const
      stand = alone.stand(team, limits, zone, ageMs === undefined ? undefined : id)
      const args = reserveArgs(reservation, asker, zone, knowledge.memoryOf(team, at), stand.claim, ageMs)
      return reserveScript.run(client, keysOf(team, id), args)
    }, 'reply')
    const reserved = reservedOf(reply)
    knowledge.hear(team, reserved, requests, steady())
    if (ageMs !== undefined) alone.told(team, id)
    if (stand !== undefined) alone.grant(team, reserved, stand)
    onVersion?.(reserved.version)
    return reserved
  }

  const mayGoOn = ({ whileUnavailable: away = DEFAULT_WHILE_UNAVAILABLE, usdPerDay }: Limits) =>
    away.rates === 'local' && (away.dollars === 'local' || usdPerDay === undefined)

  function byLease(reservation: Reservation): Verdict {
    const { team, limits } = reservation
    const zone = zoneOf(now(), limits.timezone)
    const verdict = alone.reserve(reservation, zone, knowledge.told(team))
    if (verdict === undefined) return unavailable()
    counts.alone += 1
    mode = 'share'
    return verdict
  }

  function unavailable(): Verdict {
    counts.unavailable += 1
    mode = 'refusing'
    return {
      admitted: false,
      limit: 'unavailable',
      remaining: {},
      retryAfterMs: AWAY_RETRY_MS,
      degraded: true,
    }
  }

  async function settle(given: Settlement): Promise<void> {
    const settlement = renamed(given)
    const { id, team } = settlement
    alone.settle(settlement)
    const debt: PendingWrite = { kind: 'settled', team, id, at: steady(), settlement }
    try {
      // Not before its admission is known.
      if (handback.owes(id)) handback.push(debt)
      else await tell(settlement)
    } catch (error) {
      note(error)
      handback.push(debt)
    }
    unsettled.delete(id)
    rest()
  }

  async function tell(settlement: Settlement) {
    const { team, id } = settlement
    const at = now()
    const asker = { now: clock === 'client' ? at : '', process: self } as const
    const args = settleArgs(settlement, asker, zoneOf(at, zones.get(team) ?? 'UTC'))
    const reply = await link.run((client) => settleScript.run(client, keysOf(team, id), args), 'reply')
    knowledge.hearSettled(team, settledOf(reply), steady())
  }

  async function sayLater(debt: PendingWrite): Promise<void> {
    try {
      if (debt.kind === 'settled') await tell(debt.settlement)
      else await ask(debt.reservation, Math.max(0, steady() - debt.at))
    } catch (error) {
      note(error)
      // What Redis answers with an error, it will not be told again.
      if (debt.kind === 'admitted' && !isInstance(error, RedisUnavailable)) alone.told(debt.team, debt.id)
      throw error
    } finally {
      setSoon(attempt, rest, link.fault, 'limits in Redis', rest)
    }
  }

  function note(error: unknown) {
    if (!isInstance(error, RedisUnavailable)) counts.errors += 1
  }

  async function leave(): Promise<void> {
    const args = [clock === 'client' ? now() : '', self]
    const teams = alone.holders().map((team) => {
      const [state] = keysOf(team, '')
      return link.run((client) => leaveScript.run(client, [String(state)], args), 'reply')
    })
    for (const { reason } of (await Promise.allSettled(teams)).filter((one) => one.status === 'rejected'))
      note(reason)
  }

  const atRest = () => unsettled.size === 0 && handback.stats().queued === 0

  function rest() {
    if (atRest()) for (const resolve of idle.splice(0)) resolve()
  }

  return {
    reserve,
    settle,
    stats: () => ({ mode, ...counts, ...handback.stats() }),
    settled: () => (atRest() ? Promise.resolve() : new Promise<void>((resolve) => idle.push(resolve))),
    leave,
    close() {
      handback.close()
      rest()
    },
  }
}

/** Milliseconds for which reservations wait after an outage. */
function regatherMs(link: RedisConnection): number {
  const outage = link.lastOutage()
  if (outage === undefined || outage.ms <= SHORT_OUTAGE_MS || link.stats().state !== 'up') return 0
  return Math.min(REGATHER_MS, outage.backAt + REGATHER_MS - Date.now())
}

function verdictOf({ status, remaining, resetMs, bounds, retryAfterMs }: Reserved, limits: Bounds): Verdict {
  const own = bounds.rpm === limits.rpm && bounds.tpm === limits.tpm && bounds.usdPerDay === limits.usdPerDay
  const standing = own ? { remaining, resetMs } : { remaining, resetMs, bounds }
  return status === 'admitted'
    ? { admitted: true, ...standing }
    : { admitted: false, limit: status, retryAfterMs, ...standing }
}
