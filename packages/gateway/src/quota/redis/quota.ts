import { type Link, RedisUnavailable } from '../../redis/link.ts'
import type { QuotaStore, Reservation, Settlement, Verdict } from '../store.ts'
import { createHandback, type Debt } from './handback.ts'
import { createKnowledge } from './knowledge.ts'
import reserveSource from './reserve.lua'
import { createScript, type ScriptFlags } from './script.ts'
import settleSource from './settle.lua'
import { createShare } from './share.ts'
import stateSource from './state.lua'
import { type Asker, keysOf, type Reserved, reserveArgs, reservedOf, settleArgs, settledOf } from './wire.ts'
import { createZones } from './zone.ts'

export type RedisQuotaOptions = {
  /** Whose clock counts. `client` is for servers whose scripts may not read theirs. @default 'server' */
  clock?: 'server' | 'client'
  /** First line of the scripts. @default 'allow-oom': counting goes on when Redis is full */
  flags?: ScriptFlags
  /** This process's time. @default Date.now */
  now?: () => number
  /** Told of errors that Redis answered: there should be none. */
  say?: (message: string) => void
}

export type RedisQuotaStats = {
  /** Reservations that this process decided alone, because Redis was away. */
  degraded: number
  /** Reservations refused because Redis was away. */
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
  stats: () => RedisQuotaStats
  /** Resolves once Redis has heard of everything. */
  settled: () => Promise<void>
  close: () => void
}

/** Soon enough for a Redis that was restarted. */
const AWAY_RETRY_MS = 1_000

/** Quotas that hold across all processes that share a Redis: one command to reserve, one to settle. */
export function createRedisQuota(link: Link, options: RedisQuotaOptions = {}): RedisQuota {
  const { clock = 'server', flags = 'allow-oom', now = Date.now, say = () => undefined } = options
  const reserveScript = createScript(`${stateSource}\n${reserveSource}`, flags)
  const settleScript = createScript(`${stateSource}\n${settleSource}`, flags)
  const self = crypto.randomUUID()
  const zoneOf = createZones()
  const knowledge = createKnowledge()
  const share = createShare(now)
  const handback = createHandback(sayLater, now)
  const zones = new Map<string, string>()
  const counts = { degraded: 0, unavailable: 0, errors: 0 }

  async function reserve(reservation: Reservation): Promise<Verdict> {
    const { id, team, limits } = reservation
    zones.set(team, limits.timezone)
    let sent = false
    try {
      const reserved = await ask(reservation, undefined, () => {
        sent = true
      })
      if (handback.isEmpty()) share.end(team)
      handback.kick()
      return verdictOf(reserved)
    } catch (error) {
      note(error)
    }
    const verdict = limits.whenRedisIsAway === 'refuse' ? unavailable() : alone(reservation)
    if (verdict.admitted) handback.push({ kind: 'admitted', id, at: now(), reservation })
    // It may have been admitted there, and nobody will use that.
    else if (sent) handback.push({ kind: 'settled', id, at: now(), settlement: nothingUsed(reservation) })
    return verdict
  }

  async function ask(reservation: Reservation, ageMs: number | undefined, onSend?: () => void) {
    const { team, id, limits } = reservation
    const at = now()
    const asker: Asker = {
      now: clock === 'client' ? at : '',
      process: self,
      announce: knowledge.isTimeToAnnounce(team, at),
    }
    const zone = zoneOf(at, limits.timezone)
    const args = reserveArgs(reservation, asker, zone, knowledge.memoryOf(team, at), ageMs)
    const reserved = reservedOf(
      await link.ask((client) => {
        onSend?.()
        return reserveScript.run(client, keysOf(team, id), args)
      }),
    )
    knowledge.hear(team, reserved, now())
    return reserved
  }

  function alone(reservation: Reservation): Verdict {
    counts.degraded += 1
    const { team, limits } = reservation
    const zone = zoneOf(now(), limits.timezone)
    return share.reserve(reservation, knowledge.shareOf(team, limits, now(), zone))
  }

  function unavailable(): Verdict {
    counts.unavailable += 1
    return {
      admitted: false,
      limit: 'unavailable',
      remaining: {},
      retryAfterMs: AWAY_RETRY_MS,
      degraded: true,
    }
  }

  async function settle(settlement: Settlement): Promise<void> {
    const { id } = settlement
    share.settle(settlement)
    const debt: Debt = { kind: 'settled', id, at: now(), settlement }
    // Not before its admission is known.
    if (handback.owes(id)) return handback.push(debt)
    try {
      await tell(settlement)
    } catch (error) {
      note(error)
      handback.push(debt)
    }
  }

  async function tell(settlement: Settlement) {
    const { team, id } = settlement
    const at = now()
    const asker: Asker = { now: clock === 'client' ? at : '', process: self, announce: false }
    const args = settleArgs(settlement, asker, zoneOf(at, zones.get(team) ?? 'UTC'))
    const settled = settledOf(await link.ask((client) => settleScript.run(client, keysOf(team, id), args)))
    knowledge.hearSettled(team, settled, settled.excess, now())
  }

  async function sayLater(debt: Debt): Promise<void> {
    if (debt.kind === 'settled') await tell(debt.settlement)
    else await ask(debt.reservation, now() - debt.at)
  }

  function note(error: unknown) {
    if (error instanceof RedisUnavailable) return
    counts.errors += 1
    say(`quota: Redis answers ${error instanceof Error ? error.message : String(error)}`)
  }

  return {
    reserve,
    settle,
    stats: () => ({ ...counts, ...handback.stats() }),
    settled: handback.settled,
    close: handback.close,
  }
}

function verdictOf({ status, remaining, retryAfterMs }: Reserved): Verdict {
  if (status === 'admitted') return { admitted: true, remaining }
  return { admitted: false, limit: status, remaining, retryAfterMs }
}

const nothingUsed = ({ id, team }: Reservation): Settlement => ({
  id,
  team,
  tokens: 0,
  learnOutputTokens: undefined,
  cost: 0 as Settlement['cost'],
  doubt: 0 as Settlement['doubt'],
})
