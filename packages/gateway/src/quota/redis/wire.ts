import { tagOf } from '../../redis/tag.ts'
import type { Bounds, LimitName, MicroUsd, Remaining, Reservation, Settlement } from '../store.ts'
import type { Memory } from './knowledge.ts'
import type { Zone } from './zone.ts'

export function keysOf(team: string, id: string): string[] {
  const start = `gw:{${tagOf(team)}}`
  return [`${start}:quota`, `${start}:hold:${id}`, `${start}:means`]
}

/** Whoever asks, and by whose clock: an empty `now` is the server's. */
export type Asker = { now: number | ''; process: string; announce: boolean }

/** Larger than any limit, and still a whole number wherever it is added up. */
const MOST = 1e12
const most = (value: number) => Math.min(MOST, Math.max(0, Math.ceil(value)))

/** ARGV of reserve.lua, in its order. `ageMs`: it was admitted that long ago, while Redis was away. */
export function reserveArgs(
  { agent, model, limits, inputTokens, maxOutputTokens, requests = 1, worstCost, leaseMs }: Reservation,
  { now, process, announce }: Asker,
  { before, changes, after }: Zone,
  { epoch, seq, day, committed, own, heardAgo, heard }: Memory,
  ageMs: number | undefined,
): (string | number)[] {
  return [
    now,
    process,
    announce ? 1 : '',
    limits.version ?? 0,
    limits.rpm ?? '',
    limits.tpm ?? '',
    limits.usdPerDay ?? '',
    most(inputTokens),
    most(maxOutputTokens),
    `${agent}\n${model}`,
    limits.tpmMode === 'strict' ? 1 : '',
    most(worstCost),
    leaseMs,
    before,
    changes,
    after,
    epoch,
    seq,
    day,
    committed,
    own,
    heardAgo,
    heard.requests,
    heard.tokens,
    ageMs === undefined ? '' : Math.max(0, Math.round(ageMs)),
    requests,
  ]
}

/** ARGV of settle.lua, in its order. Nonsense earns nobody credit: it is nobody's knowledge. */
export function settleArgs(
  { tokens, learnOutputTokens, cost, doubt }: Settlement,
  { now, process }: Pick<Asker, 'now' | 'process'>,
  { before, changes, after }: Zone,
): (string | number)[] {
  return [
    now,
    process,
    sane(tokens),
    sane(learnOutputTokens),
    sane(cost),
    sane(doubt) || 0,
    before,
    changes,
    after,
  ]
}

const sane = (value: number | undefined) =>
  value !== undefined && Number.isFinite(value) && value >= 0 ? most(value) : ''

/** What both scripts tell of the state they left. */
export type News = { epoch: string; seq: number; day: number; committed: number }

/** What the window holds. */
export type Load = { requests: number; tokens: number }

export type Reserved = News & {
  status: 'admitted' | LimitName
  retryAfterMs: number | undefined
  remaining: Remaining
  /** Tokens reserved. */
  tokens: number
  /** How many processes are alive, and how many of them come before this one; `undefined`: it was not asked. */
  fleet: { processes: number; before: number } | undefined
  bounds: Bounds
  load: Load
  resetMs: number
  /** The highest of a policy that any process has brought; 0: none had one. */
  version: number
}

/** Redis answers numbers as numbers or as their digits. */
const numberOf = (value: unknown): number =>
  typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN

const wordOf = (value: unknown): string =>
  typeof value === 'number' || typeof value === 'string' ? `${value}` : ''

const STATUSES = new Set<unknown>(['admitted', 'rpm', 'tpm', 'daily_usd'] satisfies Reserved['status'][])

/** @throws TypeError when the answer is not one of reserve.lua. */
export function reservedOf(reply: unknown): Reserved {
  if (!Array.isArray(reply) || reply.length !== 19 || !STATUSES.has(reply[0]))
    throw new TypeError(`reserve.lua answered ${JSON.stringify(reply)}`)
  const at = (place: number) => numberOf(reply[place - 1])
  return {
    status: reply[0],
    retryAfterMs: at(2) < 0 ? undefined : at(2),
    remaining: {
      ...(at(3) < 0 ? {} : { requests: at(3) }),
      ...(at(4) < 0 ? {} : { tokens: at(4) }),
      ...(at(5) < 0 ? {} : { usd: at(5) as MicroUsd }),
    },
    tokens: at(6),
    epoch: wordOf(reply[6]),
    seq: at(8),
    day: at(9),
    committed: at(10),
    fleet: at(11) < 0 ? undefined : { processes: at(11), before: at(12) },
    bounds: {
      ...(at(13) < 0 ? {} : { rpm: at(13) }),
      ...(at(14) < 0 ? {} : { tpm: at(14) }),
      ...(at(15) < 0 ? {} : { usdPerDay: at(15) as MicroUsd }),
    },
    load: { requests: at(16), tokens: at(17) },
    resetMs: at(18),
    version: at(19),
  }
}

export type Settled = News & { outcome: 'settled' | 'fresh' | 'repeated'; excess: number }

/** @throws TypeError when the answer is not one of settle.lua. */
export function settledOf(reply: unknown): Settled {
  if (!Array.isArray(reply) || reply.length !== 6)
    throw new TypeError(`settle.lua answered ${JSON.stringify(reply)}`)
  const at = (place: number) => numberOf(reply[place - 1])
  return {
    outcome: reply[0],
    epoch: wordOf(reply[1]),
    seq: at(3),
    day: at(4),
    committed: at(5),
    excess: at(6),
  }
}
