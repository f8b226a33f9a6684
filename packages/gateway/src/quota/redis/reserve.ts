import type { RedisConnection } from '../../redis/connection.ts'
import { createScript, type ScriptFlags } from '../../redis/script.ts'
import type { Bounds, Reservation, Verdict } from '../store.ts'
import type { Zone } from './day-boundary.ts'
import { type Ask, boundsOf, type Stand } from './granted.ts'
import leaseSource from './lease.lua'
import type { LocalShare } from './local-share.ts'
import type { ProcessState } from './process-state.ts'
import type { Allotment, Extra, Reserved } from './protocol.ts'
import reserveSource from './reserve.lua'
import stateSource from './state.lua'
import tabSource from './tab.lua'
import type { TabOf } from './tab.ts'
import type { Tab } from './tab-rows.ts'
import truthSource from './truth.lua'
import { keysOf, reserveArgs, reservedOf, wholeUsd } from './wire.ts'

type Parts = {
  link: RedisConnection
  flags: ScriptFlags
  /** The name of this process. */
  self: string
  clock: 'server' | 'client'
  now: () => number
  steady: () => number
  zoneOf: (now: number, timezone: string) => Zone
  knowledge: ProcessState
  alone: LocalShare
  tab: TabOf
  onVersion: ((version: number) => void) | undefined
}

/** Asks Redis for a reservation, with all that this process knows and has to tell of the team. */
export function createAsk({
  link,
  flags,
  self,
  clock,
  now,
  steady,
  zoneOf,
  knowledge,
  alone,
  tab,
  onVersion,
}: Parts) {
  const sources = [stateSource, leaseSource, truthSource, tabSource, reserveSource]
  const reserveScript = createScript(sources.join('\n'), flags)

  /** `sent`: of a reservation that is to be decided, once it has left. */
  async function ask(
    reservation: Reservation,
    extra: Pick<Extra, 'ageMs' | 'onlyTells'>,
    sent?: { ask?: Ask },
  ): Promise<Reserved> {
    const { team, id, limits } = reservation
    const zone = zoneOf(now(), limits.timezone)
    const isBooked = extra.ageMs !== undefined
    let stand: Stand | undefined
    let carried: Tab | undefined
    try {
      const reply = await link.run((client) => {
        const at = steady()
        const asker = {
          now: clock === 'client' ? now() : '',
          process: self,
          announce: knowledge.isTimeToAnnounce(team, at),
        } as const
        carried ??= tab.carry(team)
        const beside = carried === undefined ? tab.telling(team) : undefined
        if (sent !== undefined) sent.ask ??= alone.ask(team, needOf(reservation))
        const whereIs = (one: string) => {
          if ((isBooked && one === id) || carried?.ids.has(one) === true) return 'told'
          return beside?.ids.has(one) === true ? 'telling' : 'untold'
        }
        stand = alone.stand(team, limits, zone, whereIs)
        const args = reserveArgs(reservation, asker, zone, knowledge.memoryOf(team, at), stand.claim, {
          ...extra,
          tab: carried && { ...carried, agoMs: at - carried.closedAt },
          telling: beside?.number,
        })
        return reserveScript.run(client, keysOf(team, id), args)
      }, 'reply')
      const reserved = reservedOf(reply)
      if (sent?.ask !== undefined) alone.answered(team, sent.ask)
      hear(reservation, reserved, stand, carried)
      if (isBooked) alone.told(team, id)
      return reserved
    } catch (error) {
      if (carried !== undefined) tab.unheard(team)
      throw error
    }
  }

  const needOf = (reservation: Reservation): Allotment => ({
    requests: reservation.requests ?? 1,
    tokens: tab.tokensOf(reservation),
    usd: wholeUsd(reservation.worstCost),
  })

  function hear(
    reservation: Reservation,
    reserved: Reserved,
    stand: Stand | undefined,
    carried: Tab | undefined,
  ) {
    const { team, limits, requests = 1 } = reservation
    knowledge.hear(team, reserved, requests, steady())
    if (carried !== undefined) knowledge.hearOwn(team, tab.heard(team, carried, reserved), steady())
    if (stand !== undefined) alone.grant(team, reserved, stand, limits)
    tab.learn(reservation, reserved.tokens)
    onVersion?.(reserved.version)
  }

  return ask
}

export function verdictOf(reserved: Reserved, limits: Bounds): Verdict {
  const { status, remaining, resetMs, retryAfterMs } = reserved
  const bounds = boundsOf(reserved, limits)
  const standing = bounds === undefined ? { remaining, resetMs } : { remaining, resetMs, bounds }
  if (status === 'told') throw new TypeError('reserve.lua reserved nothing')
  return status === 'admitted'
    ? { admitted: true, ...standing }
    : { admitted: false, limit: status, retryAfterMs, ...standing }
}
