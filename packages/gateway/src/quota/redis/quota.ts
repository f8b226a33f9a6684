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
import type { Ask } from './granted.ts'
import leaseSource from './lease.lua'
import leaveSource from './leave.lua'
import { createLocalShare } from './local-share.ts'
import { createNames } from './names.ts'
import { createProcessState } from './process-state.ts'
import { createReconciler, type PendingWrite } from './reconcile.ts'
import { regatherMs } from './regather.ts'
import { createAsk, verdictOf } from './reserve.ts'
import settleSource from './settle.lua'
import stateSource from './state.lua'
import { createTab } from './tab.ts'
import truthSource from './truth.lua'
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
  tellMs?: number
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
  tell: () => void
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
  const { clock = 'server', keyLocking = false, processes, now = Date.now, onVersion, tellMs } = options
  const steady = options.steady ?? options.now ?? (() => performance.now())
  const flags = keyLocking ? 'allow-key-locking' : 'allow-oom'
  const leaveScript = createScript(`${stateSource}\n${leaseSource}\n${leaveSource}`, flags)
  const settleScript = createScript([stateSource, truthSource, settleSource].join('\n'), flags)
  const self = randomUUID()
  const zoneOf = createZones()
  const zones = new Map<string, string>()
  const knowledge = createProcessState()
  const alone = createLocalShare({ steady, wall: now }, processes)
  const tab = createTab(alone, { steady, tellMs, tell: tellTab, fault: link.fault })
  const parts = { link, flags, self, clock, now, steady, zoneOf } as const
  const ask = createAsk({ ...parts, knowledge, alone, tab, onVersion })
  const handback = createReconciler(sayLater, steady, link.fault)
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
    const verdict = byTab(reservation) ?? (await decide(reservation))
    if (verdict.admitted) unsettled.add(reservation.id)
    return verdict
  }

  /** Without asking, while Redis is there and has heard of all that was admitted without it. */
  function byTab(reservation: Reservation): Verdict | undefined {
    const { team, limits } = reservation
    if (link.stats().state !== 'up' || handback.owesAdmissions(team) || regatherMs(link) > 0) return undefined
    const verdict = tab.reserve(reservation, zoneOf(now(), limits.timezone))
    if (verdict === undefined) return undefined
    counts.leased += 1
    mode = 'shared'
    return verdict
  }

  async function decide(reservation: Reservation): Promise<Verdict> {
    const { id, team, limits } = reservation
    const sent: { ask?: Ask } = {}
    const pauseMs = regatherMs(link)
    if (pauseMs > 0) await sleep(pauseMs)
    if (!handback.owesAdmissions(team) || (await handback.admissionsTold(team, HANDBACK_MS)))
      try {
        const reserved = await ask(reservation, {}, sent)
        if (reserved.status === 'admitted') tab.asked(id)
        counts.decided += 1
        mode = 'shared'
        handback.kick()
        return verdictOf(reserved, limits)
      } catch (error) {
        note(error)
      }
    if (sent.ask !== undefined) alone.failed(team, sent.ask)
    const verdict = mayGoOn(limits) ? byLease(reservation) : unavailable()
    const at = steady()
    if (verdict.admitted) handback.push({ kind: 'admitted', team, id, at, reservation })
    // It may have been admitted there, and nobody will use that.
    else if (sent.ask !== undefined) {
      handback.push({ kind: 'settled', team, id, at, settlement: unused(reservation) })
      giveUp(id)
    }
    return verdict
  }

  async function tellTab(need: Reservation): Promise<void> {
    try {
      await ask(need, { onlyTells: true })
    } catch (error) {
      note(error)
    } finally {
      rest()
    }
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
    if (tab.settle(settlement)) {
      unsettled.delete(id)
      if (idle.length > 0) tab.flush()
      return rest()
    }
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
      else await ask(debt.reservation, { ageMs: Math.max(0, steady() - debt.at) })
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
    // What Redis has not heard of stays in its books as leased.
    const teams = alone
      .holders()
      .filter((team) => !tab.isPending(team))
      .map((team) => {
        const [state] = keysOf(team, '')
        return link.run((client) => leaveScript.run(client, [String(state)], args), 'reply')
      })
    for (const { reason } of (await Promise.allSettled(teams)).filter((one) => one.status === 'rejected'))
      note(reason)
  }

  const atRest = () => unsettled.size === 0 && handback.stats().queued === 0 && tab.queued() === 0

  function rest() {
    if (atRest()) for (const resolve of idle.splice(0)) resolve()
  }

  return {
    reserve,
    settle,
    stats() {
      const { queued, dropped } = handback.stats()
      return { mode, ...counts, queued: queued + tab.queued(), dropped: dropped + lost }
    },
    tell: tab.flush,
    settled() {
      if (atRest()) return Promise.resolve()
      tab.flush()
      return new Promise<void>((resolve) => idle.push(resolve))
    },
    leave,
    close() {
      handback.close()
      lost += tab.close()
      rest()
    },
  }
}
