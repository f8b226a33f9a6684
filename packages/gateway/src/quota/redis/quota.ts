import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { DEFAULT_WHILE_UNAVAILABLE, type Limits } from '../../core/limits.ts'
import { type RedisConnection, RedisUnavailable } from '../../redis/connection.ts'
import { createScript } from '../../redis/script.ts'
import { isInstance } from '../../util/error-text.ts'
import { attempt } from '../../util/faults.ts'
import { setSoon } from '../../util/timers.ts'
import { type QuotaStore, type Reservation, type Settlement, unused, type Verdict } from '../store.ts'
import { createZones } from './day-boundary.ts'
import type { PendingReservation } from './granted.ts'
import leaseSource from './lease.lua'
import leaveSource from './leave.lua'
import { createLocalShare } from './local-share.ts'
import { createNames } from './names.ts'
import { createProcessState } from './process-state.ts'
import { createReconciler, type PendingWrite } from './reconcile.ts'
import { createReporter } from './reporter.ts'
import { createRequestReservation, verdictOf } from './reserve.ts'
import { resyncMs } from './resync.ts'
import settleSource from './settle.lua'
import settlementSource from './settlement.lua'
import stateSource from './state.lua'
import { keysOf, settleArgs, settledOf } from './wire.ts'

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
  /** How long what was admitted without asking Redis may wait until it is told, in milliseconds. @default 100 */
  reportMs?: number
  /** Told with each reservation the highest version of a policy that any process has brought. */
  onVersion?: (version: number) => void
}

/** `shared`: Redis counts for all. `share`: this process counts alone, by its share. `refusing`: nobody counts. */
type QuotaMode = 'shared' | 'share' | 'refusing'

export type QuotaStats = {
  mode: QuotaMode
  /** Reservations that Redis decided. */
  decided: number
  /** Reservations that this process admitted by its lease, while Redis was there, without asking it. */
  leased: number
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
  /** Tells Redis now what this process has admitted without asking it. */
  report: () => void
  /** Resolves once every call that was admitted is settled, and Redis has heard of it. */
  settled: () => Promise<void>
  /** Gives back what this process was granted to go on with without Redis. Never rejects; call it last. */
  leave: () => Promise<void>
  close: () => void
}

/** Soon enough for a Redis that was restarted. */
const AWAY_RETRY_MS = 1_000
/** How long a reservation waits for Redis to hear of those that were admitted without it. */
const HANDBACK_MS = 100
/**
 * Quotas that hold across all processes that share a Redis: no command of its own for a call that the lease covers, else
 * one to reserve and one to settle.
 */
export function createRedisQuota(link: RedisConnection, options: RedisQuotaOptions = {}): RedisQuota {
  const { clock = 'server', keyLocking = false, processes, now = Date.now, onVersion, reportMs } = options
  const steady = options.steady ?? options.now ?? (() => performance.now())
  const flags = keyLocking ? 'allow-key-locking' : 'allow-oom'
  const leaveScript = createScript(`${stateSource}\n${leaseSource}\n${leaveSource}`, flags)
  const settleScript = createScript([stateSource, settlementSource, settleSource].join('\n'), flags)
  const self = randomUUID()
  const zoneOf = createZones()
  const zones = new Map<string, string>()
  const knowledge = createProcessState()
  const share = createLocalShare({ steady, wall: now }, processes)
  const reporter = createReporter(share, { steady, reportMs, report: sendReport, fault: link.fault })
  const parts = { link, flags, self, clock, now, steady, zoneOf } as const
  const requestReservation = createRequestReservation({ ...parts, knowledge, share, reporter, onVersion })
  const handback = createReconciler(resend, steady, link.fault)
  let mode: QuotaMode = 'shared'
  const counts = { decided: 0, leased: 0, alone: 0, unavailable: 0, errors: 0 }
  const { renamed, giveUp } = createNames()
  let lost = 0
  // Admitted and not settled yet, or being settled.
  const unsettled = new Set<string>()
  const idle: (() => void)[] = []

  async function reserve(given: Reservation): Promise<Verdict> {
    const reservation = renamed(given)
    zones.set(reservation.team, reservation.limits.timezone)
    const verdict = admitByLease(reservation) ?? (await decide(reservation))
    if (verdict.admitted) unsettled.add(reservation.id)
    return verdict
  }

  /** Without asking, while Redis is there and has heard of all that was admitted without it. */
  function admitByLease(reservation: Reservation): Verdict | undefined {
    const { team, limits } = reservation
    if (link.stats().state !== 'up' || handback.owesAdmissions(team) || resyncMs(link) > 0) return undefined
    const verdict = reporter.reserve(reservation, zoneOf(now(), limits.timezone))
    if (verdict === undefined) return undefined
    counts.leased += 1
    mode = 'shared'
    return verdict
  }

  async function decide(reservation: Reservation): Promise<Verdict> {
    const { id, team, limits } = reservation
    const sent: { pending?: PendingReservation } = {}
    const pauseMs = resyncMs(link)
    if (pauseMs > 0) await sleep(pauseMs)
    if (!handback.owesAdmissions(team) || (await handback.admissionsTold(team, HANDBACK_MS)))
      try {
        const reserved = await requestReservation(reservation, {}, sent)
        if (reserved.status === 'admitted') reporter.decidedByRedis(id)
        counts.decided += 1
        mode = 'shared'
        handback.kick()
        return verdictOf(reserved, limits)
      } catch (error) {
        note(error)
      }
    if (sent.pending !== undefined) share.failed(team, sent.pending)
    const verdict = mayGoOn(limits) ? admitByShare(reservation) : unavailable()
    const at = steady()
    if (verdict.admitted) handback.push({ kind: 'admitted', team, id, at, reservation })
    // It may have been admitted there, and nobody will use that.
    else if (sent.pending !== undefined) {
      handback.push({ kind: 'settled', team, id, at, settlement: unused(reservation) })
      giveUp(id)
    }
    return verdict
  }

  async function sendReport(need: Reservation): Promise<void> {
    try {
      await requestReservation(need, { onlyReports: true })
    } catch (error) {
      note(error)
    } finally {
      rest()
    }
  }

  const mayGoOn = ({ whileUnavailable: away = DEFAULT_WHILE_UNAVAILABLE, usdPerDay }: Limits) =>
    away.rates === 'local' && (away.dollars === 'local' || usdPerDay === undefined)

  function admitByShare(reservation: Reservation): Verdict {
    const { team, limits } = reservation
    const zone = zoneOf(now(), limits.timezone)
    const verdict = share.reserve(reservation, zone, knowledge.lastHeard(team))
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
    if (reporter.settle(settlement)) {
      unsettled.delete(id)
      if (idle.length > 0) reporter.flush()
      return rest()
    }
    share.settle(settlement)
    const write: PendingWrite = { kind: 'settled', team, id, at: steady(), settlement }
    try {
      // Not before its admission is known.
      if (handback.owes(id)) handback.push(write)
      else await sendSettlement(settlement)
    } catch (error) {
      note(error)
      handback.push(write)
    }
    unsettled.delete(id)
    rest()
  }

  async function sendSettlement(settlement: Settlement) {
    const { team, id } = settlement
    const at = now()
    const sender = { now: clock === 'client' ? at : '', process: self } as const
    const args = settleArgs(settlement, sender, zoneOf(at, zones.get(team) ?? 'UTC'))
    const reply = await link.run((client) => settleScript.run(client, keysOf(team, id), args), 'reply')
    knowledge.hearSettled(team, settledOf(reply), steady())
  }

  async function resend(write: PendingWrite): Promise<void> {
    try {
      if (write.kind === 'settled') await sendSettlement(write.settlement)
      else await requestReservation(write.reservation, { ageMs: Math.max(0, steady() - write.at) })
    } catch (error) {
      note(error)
      // What Redis answers with an error, it will not be told again.
      if (write.kind === 'admitted' && !isInstance(error, RedisUnavailable))
        share.forget(write.team, write.id)
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
    // What Redis has not heard of stays in its books as leased.
    const teams = share
      .holders()
      .filter((team) => !reporter.isPending(team))
      .map((team) => {
        const [state] = keysOf(team, '')
        return link.run((client) => leaveScript.run(client, [String(state)], args), 'reply')
      })
    for (const { reason } of (await Promise.allSettled(teams)).filter((one) => one.status === 'rejected'))
      note(reason)
  }

  const atRest = () => unsettled.size === 0 && handback.stats().queued === 0 && reporter.queued() === 0

  function rest() {
    if (atRest()) for (const resolve of idle.splice(0)) resolve()
  }

  return {
    reserve,
    settle,
    stats() {
      const { queued, dropped } = handback.stats()
      return { mode, ...counts, queued: queued + reporter.queued(), dropped: dropped + lost }
    },
    report: reporter.flush,
    settled() {
      if (atRest()) return Promise.resolve()
      reporter.flush()
      return new Promise<void>((resolve) => idle.push(resolve))
    },
    leave,
    close() {
      handback.close()
      lost += reporter.close()
      rest()
    },
  }
}
