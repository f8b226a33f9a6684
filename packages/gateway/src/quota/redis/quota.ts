import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { DEFAULT_WHILE_UNAVAILABLE, type Limits } from '../../core/team-limits.ts'
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
import { mayFitLater } from './outage-bounds.ts'
import { createOutageClock } from './outage-clock.ts'
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
  /** Clock that scripts use. `client`: for servers whose scripts cannot read the time. @default 'server' */
  clock?: 'server' | 'client'
  /** For Upstash: a script locks a team's keys only, not the whole database. `false`: scripts also run when Redis is out of memory. @default false */
  keyLocking?: boolean
  /** Least number of processes that share the limits: while Redis is unreachable, each uses its part. @default the number that Redis has counted; 8 if it is unknown */
  processes?: number
  /** Returns the wall clock, in milliseconds. @default Date.now */
  now?: () => number
  /** Returns a monotonic clock, in milliseconds. @default `now` if it is set, else performance.now */
  steady?: () => number
  /** Longest time until a call that was admitted by lease is reported to Redis, in milliseconds. @default 100 */
  reportMs?: number
  /** Receives, with each reply to a reservation, the highest policy version that any process has sent; 0: none. */
  onVersion?: (version: number) => void
}

/** How the last reservation was decided. `shared`: by Redis or a lease. `local`: by this process's share. `reject`: refused. */
type QuotaMode = 'shared' | 'local' | 'reject'

export type QuotaStats = {
  mode: QuotaMode
  /** Number of reservations that Redis decided. */
  decided: number
  /** Number of reservations admitted by lease, without asking Redis. */
  leased: number
  /** Number of reservations that this process decided alone because Redis was unreachable. */
  alone: number
  /** Number of reservations refused because Redis was unreachable and the policy, or a missing lease, allowed no local decision. */
  unavailable: number
  /** Number of error replies from Redis. */
  errors: number
  /** Number of admissions and settlements that Redis does not know yet. */
  queued: number
  /** Number of admissions and settlements that were given up and never reach Redis. */
  dropped: number
}

export type RedisQuota = QuotaStore & {
  reserve: (reservation: Reservation) => Promise<Verdict>
  /** Never rejects: a settlement that cannot be sent now is sent later. */
  settle: (settlement: Settlement) => Promise<void>
  stats: () => QuotaStats
  /** Reports the calls admitted by lease to Redis now. */
  report: () => void
  /** Resolves once every admitted call is settled and Redis knows it. */
  settled: () => Promise<void>
  /** Gives back this process's leases. Call it last. Never rejects. */
  leave: () => Promise<void>
  close: () => void
}

/** `retryAfterMs` of a refusal while Redis is unreachable: a restart takes about this long. */
const AWAY_RETRY_MS = 1_000
/** Time that a reservation waits until earlier local admissions have reached Redis. */
const RECONCILE_MS = 100
/**
 * Creates the quota store for processes that share a Redis. A call that the lease covers needs no command of its own;
 * any other call needs one to reserve and one to settle.
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
  const outage = createOutageClock(link, steady)
  const reconciler = createReconciler(resend, steady, link.fault)
  let mode: QuotaMode = 'shared'
  const counts = { decided: 0, leased: 0, alone: 0, unavailable: 0, errors: 0 }
  const { renamed, giveUp } = createNames()
  let lost = 0
  let hasLeft = false
  // Ids of calls that were admitted and whose settlement is not complete.
  const unsettled = new Set<string>()
  const idle: (() => void)[] = []

  async function reserve(given: Reservation): Promise<Verdict> {
    const reservation = renamed(given)
    zones.set(reservation.team, reservation.limits.timezone)
    const verdict = admitByLease(reservation) ?? (await decide(reservation))
    if (verdict.admitted) unsettled.add(reservation.id)
    return verdict
  }

  /** Admits by lease. Returns `undefined` while Redis is unreachable or does not know all local admissions of the team. */
  function admitByLease(reservation: Reservation): Verdict | undefined {
    const { team, limits } = reservation
    if (link.stats().state !== 'up' || reconciler.hasAdmissions(team) || resyncMs(link) > 0) return undefined
    const verdict = reporter.reserve(reservation, zoneOf(now(), limits.timezone))
    if (verdict === undefined) return undefined
    counts.leased += 1
    mode = 'shared'
    return verdict
  }

  /** `earlier`: absent for the first attempt; otherwise whether the first was sent, and Redis may have admitted the call. */
  async function decide(reservation: Reservation, earlier?: { wasSent: boolean }): Promise<Verdict> {
    const { id, team, limits } = reservation
    const sent: { pending?: PendingReservation } = {}
    const pauseMs = resyncMs(link)
    if (pauseMs > 0) await sleep(pauseMs)
    if (!reconciler.hasAdmissions(team) || (await reconciler.sendAdmissions(team, RECONCILE_MS)))
      try {
        const reserved = await requestReservation(reservation, {}, sent)
        outage.end()
        if (reserved.status === 'admitted') reporter.decidedByRedis(id)
        counts.decided += 1
        mode = 'shared'
        reconciler.kick()
        return verdictOf(reserved, limits)
      } catch (error) {
        note(error)
      }
    if (sent.pending !== undefined) share.failed(team, sent.pending)
    const wasSent = sent.pending !== undefined || earlier?.wasSent === true
    // A process that gave its leases back has no part of any limit.
    const isLocal = !hasLeft && mayGoOn(limits)
    const local = isLocal ? admitByShare(reservation) : undefined
    if (isLocal && earlier === undefined && mayFitLater(local) && (await outage.endsSoon()))
      return await decide(reservation, { wasSent })
    const verdict = local === undefined ? unavailable() : alone(local)
    const at = steady()
    if (verdict.admitted) reconciler.push({ kind: 'admitted', team, id, at, reservation })
    // Redis may have admitted the refused call, so its reservation is settled as unused.
    else if (wasSent) {
      reconciler.push({ kind: 'settled', team, id, at, settlement: unused(reservation) })
      giveUp(id)
    }
    return verdict
  }

  async function sendReport(need: Reservation): Promise<void> {
    try {
      await requestReservation(need, { onlyReports: true })
    } catch (error) {
      note(error)
      reporter.retry()
    } finally {
      rest()
    }
  }

  const mayGoOn = ({ whileUnavailable: away = DEFAULT_WHILE_UNAVAILABLE, usdPerDay }: Limits) =>
    away.rates === 'local' && (away.dollars === 'local' || usdPerDay === undefined)

  /** Returns `undefined` if this process may use nothing without Redis. */
  function admitByShare(reservation: Reservation): Verdict | undefined {
    const { team, limits } = reservation
    const zone = zoneOf(now(), limits.timezone)
    return share.reserve(reservation, zone, { ...knowledge.lastHeard(team), ms: outage.ms() })
  }

  function alone(verdict: Verdict): Verdict {
    counts.alone += 1
    mode = 'local'
    return verdict
  }

  function unavailable(): Verdict {
    counts.unavailable += 1
    mode = 'reject'
    return {
      admitted: false,
      limit: hasLeft ? 'closed' : 'unavailable',
      remaining: {},
      retryAfterMs: hasLeft ? undefined : AWAY_RETRY_MS,
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
      // A settlement must not overtake the admission that is still queued.
      if (reconciler.has(id)) reconciler.push(write)
      else await sendSettlement(settlement)
    } catch (error) {
      note(error)
      reconciler.push(write)
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
      // After an error reply the write is not repeated, so the admission no longer counts as unreported.
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
    hasLeft = true
    const args = [clock === 'client' ? now() : '', self]
    // A team with unreported calls keeps its lease: it covers them.
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

  const atRest = () => unsettled.size === 0 && reconciler.stats().queued === 0 && reporter.queued() === 0

  function rest() {
    if (atRest()) for (const resolve of idle.splice(0)) resolve()
  }

  return {
    reserve,
    settle,
    stats() {
      const { queued, dropped } = reconciler.stats()
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
      reconciler.close()
      lost += reporter.close()
      rest()
    },
  }
}
