import type { RedisConnection } from '../../redis/connection.ts'
import { createScript, type ScriptFlags } from '../../redis/script.ts'
import type { Bounds, Reservation, Verdict } from '../store.ts'
import type { Zone } from './day-boundary.ts'
import { boundsOf, type PendingReservation, type Snapshot } from './granted.ts'
import leaseSource from './lease.lua'
import type { LocalShare } from './local-share.ts'
import type { ProcessState } from './process-state.ts'
import type { Allotment, Extra, Reserved } from './protocol.ts'
import reportSource from './report.lua'
import type { UsageReport } from './report-rows.ts'
import type { Reporter } from './reporter.ts'
import reserveSource from './reserve.lua'
import settlementSource from './settlement.lua'
import stateSource from './state.lua'
import { keysOf, reserveArgs, reservedOf, wholeUsd } from './wire.ts'

type Parts = {
  link: RedisConnection
  flags: ScriptFlags
  /** Id of this process. */
  self: string
  clock: 'server' | 'client'
  now: () => number
  steady: () => number
  zoneOf: (now: number, timezone: string) => Zone
  knowledge: ProcessState
  share: LocalShare
  reporter: Reporter
  onVersion: ((version: number) => void) | undefined
}

/** Creates the function that sends reserve.lua, together with the usage report and the state that this process knows. */
export function createRequestReservation({
  link,
  flags,
  self,
  clock,
  now,
  steady,
  zoneOf,
  knowledge,
  share,
  reporter,
  onVersion,
}: Parts) {
  const sources = [stateSource, leaseSource, settlementSource, reportSource, reserveSource]
  const reserveScript = createScript(sources.join('\n'), flags)

  /** `sent.pending`: set once a reservation that Redis decides was sent. */
  async function requestReservation(
    reservation: Reservation,
    extra: Pick<Extra, 'ageMs' | 'onlyReports'>,
    sent?: { pending?: PendingReservation },
  ): Promise<Reserved> {
    const { team, id, limits } = reservation
    const zone = zoneOf(now(), limits.timezone)
    const isBooked = extra.ageMs !== undefined
    let snapshot: Snapshot | undefined
    let report: UsageReport | undefined
    try {
      const reply = await link.run((client) => {
        const at = steady()
        const sender = {
          now: clock === 'client' ? now() : '',
          process: self,
          announce: knowledge.isTimeToAnnounce(team, at),
        } as const
        report ??= reporter.take(team)
        const other = report === undefined ? reporter.inFlight(team) : undefined
        if (sent !== undefined) sent.pending ??= share.begin(team, needOf(reservation))
        const reportStateOf = (callId: string) => {
          if ((isBooked && callId === id) || report?.ids.has(callId) === true) return 'reported'
          return other?.ids.has(callId) === true ? 'inFlight' : 'unreported'
        }
        snapshot = share.snapshot(team, limits, zone, reportStateOf)
        const args = reserveArgs(reservation, sender, zone, knowledge.memoryOf(team, at), snapshot.claim, {
          ...extra,
          report: report && { ...report, agoMs: at - report.closedAt },
          inFlight: other?.number,
        })
        return reserveScript.run(client, keysOf(team, id), args)
      }, 'reply')
      const reserved = reservedOf(reply)
      if (sent?.pending !== undefined) share.answered(team, sent.pending)
      hear(reservation, reserved, snapshot, report)
      if (isBooked) share.forget(team, id)
      return reserved
    } catch (error) {
      if (report !== undefined) reporter.failed(team)
      throw error
    }
  }

  const needOf = (reservation: Reservation): Allotment => ({
    requests: reservation.requests ?? 1,
    tokens: reporter.tokensOf(reservation),
    usd: wholeUsd(reservation.worstCost),
  })

  function hear(
    reservation: Reservation,
    reserved: Reserved,
    snapshot: Snapshot | undefined,
    report: UsageReport | undefined,
  ) {
    const { team, limits, requests = 1 } = reservation
    knowledge.hear(team, reserved, requests, steady())
    if (report !== undefined) knowledge.hearOwn(team, reporter.acknowledge(team, report, reserved), steady())
    if (snapshot !== undefined) share.grant(team, reserved, snapshot, limits)
    reporter.learn(reservation, reserved.tokens)
    onVersion?.(reserved.version)
  }

  return requestReservation
}

/** Returns the verdict of a reply. @throws TypeError if the command reserved nothing. */
export function verdictOf(reserved: Reserved, limits: Bounds): Verdict {
  const { status, remaining, resetMs, retryAfterMs } = reserved
  const bounds = boundsOf(reserved, limits)
  const standing = bounds === undefined ? { remaining, resetMs } : { remaining, resetMs, bounds }
  if (status === 'told') throw new TypeError('reserve.lua reserved nothing')
  return status === 'admitted'
    ? { admitted: true, ...standing }
    : { admitted: false, limit: status, retryAfterMs, ...standing }
}
