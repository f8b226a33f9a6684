import type { NanoUsd } from '../../core/money.ts'
import { DEFAULT_WHILE_UNAVAILABLE } from '../../core/team-limits.ts'
import { hashTag } from '../../redis/hash-tag.ts'
import type { Bounds, Remaining, Reservation, Settlement } from '../store.ts'
import type { Zone } from './day-boundary.ts'
import type { Claim, Extra, ReplicaState, Reserved, Settled } from './protocol.ts'

/** Returns the keys of a team's scripts: its state, the record of a reservation, and its mean output tokens. */
export function keysOf(team: string, id: string): string[] {
  const start = `gw:{${hashTag(team)}}`
  return [`${start}:quota`, `${start}:hold:${id}`, `${start}:means`]
}

/** The calling process. `now`: milliseconds of its clock; empty to use the server's. */
export type CallingProcess = { now: number | ''; process: string; announce: boolean }

/** Cap of requests and tokens: larger than any limit, and small enough for exact sums in doubles. */
const MOST = 1e12
/**
 * Cap of the cost of one call, in billionths of a dollar: $1,000,000, more than any call costs. Lua adds in doubles, which
 * hold whole numbers up to 2^53, so the sum of a team's day is exact up to $9,007,199.
 */
const MOST_MONEY = 1e15
/** Cap of a daily limit, in billionths of a dollar: the largest number that sums can be compared with exactly. */
const LARGEST_BUDGET = Number.MAX_SAFE_INTEGER
const most = (value: number, bound = MOST) => Math.min(bound, Math.max(0, Math.ceil(value)))

/** Returns ARGV of reserve.lua, in its order. */
export function reserveArgs(
  { agent, model, limits, inputTokens, maxOutputTokens, requests = 1, worstCost, leaseMs }: Reservation,
  { now, process, announce }: CallingProcess,
  { before, changes, after }: Zone,
  { epoch, seq, day, committed, own, heardAgo, heard, clock }: ReplicaState,
  claim: Claim,
  { ageMs, report, inFlight, onlyReports }: Extra = {},
): (string | number)[] {
  const { rates, leased, allowance, allowanceOfRates } = limits.whileUnavailable ?? DEFAULT_WHILE_UNAVAILABLE
  return [
    now,
    process,
    announce ? 1 : '',
    limits.version ?? 0,
    limits.rpm ?? '',
    limits.tpm ?? '',
    limits.usdPerDay === undefined ? '' : most(limits.usdPerDay, LARGEST_BUDGET),
    most(inputTokens),
    most(maxOutputTokens),
    `${agent}\n${model}`,
    limits.tpmMode === 'strict' ? 1 : '',
    most(worstCost, MOST_MONEY),
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
    claim.number,
    most(claim.has.requests),
    most(claim.has.tokens),
    most(claim.has.usd, LARGEST_BUDGET),
    most(claim.unreported.requests),
    most(claim.unreported.tokens),
    most(claim.unreported.usd, LARGEST_BUDGET),
    rates === 'reject' ? 0 : leased,
    most(allowance, LARGEST_BUDGET),
    clock ?? '',
    report?.number ?? '',
    report === undefined ? '' : Math.max(0, Math.round(report.agoMs)),
    report === undefined ? '' : JSON.stringify(report.rows),
    report === undefined ? '' : JSON.stringify(report.words.map((word) => word.toWellFormed())),
    onlyReports === true ? 1 : '',
    inFlight ?? 0,
    most(claim.inFlight.requests),
    most(claim.inFlight.tokens),
    most(claim.inFlight.usd, LARGEST_BUDGET),
    rates === 'reject' ? 0 : (allowanceOfRates ?? 0),
  ]
}

/** Returns ARGV of settle.lua, in its order. Negative and non-finite numbers are sent as unknown: they must not give credit. */
export function settleArgs(
  { tokens, learnOutputTokens, cost, unconfirmed }: Settlement,
  { now, process }: Pick<CallingProcess, 'now' | 'process'>,
  { before, changes, after }: Zone,
): (string | number)[] {
  return [
    now,
    process,
    nonNegative(tokens),
    nonNegative(learnOutputTokens),
    nonNegative(cost, MOST_MONEY),
    nonNegative(unconfirmed, MOST_MONEY) || 0,
    before,
    changes,
    after,
  ]
}

const nonNegative = (value: number | undefined, bound = MOST) =>
  value !== undefined && Number.isFinite(value) && value >= 0 ? most(value, bound) : ''

/** Returns the numbers of a settlement as whole numbers; -1 for unknown ones. */
export const knownOf = ({ tokens, learnOutputTokens, cost, unconfirmed }: Settlement) => ({
  tokens: known(tokens),
  learn: known(learnOutputTokens),
  cost: known(cost, MOST_MONEY),
  unconfirmed: Math.max(0, known(unconfirmed, MOST_MONEY)),
})

const known = (value: number | undefined, bound = MOST): number => {
  const number = nonNegative(value, bound)
  return number === '' ? -1 : number
}

/** Return a reservation's tokens and worst case as Redis reads them. */
export const wholeTokens = (value: number): number => most(value)
export const wholeUsd = (value: number): number => most(value, MOST_MONEY)

/** Parses a number: Redis answers numbers as numbers or as text. */
const numberOf = (value: unknown): number =>
  typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN

const wordOf = (value: unknown): string =>
  typeof value === 'number' || typeof value === 'string' ? `${value}` : ''

const STATUSES = new Set<unknown>([
  'admitted',
  'told',
  'rpm',
  'tpm',
  'daily_usd',
] satisfies Reserved['status'][])

/** Parses a reply of reserve.lua. @throws TypeError if it is malformed. */
export function reservedOf(reply: unknown): Reserved {
  if (!Array.isArray(reply) || reply.length !== 26 || !STATUSES.has(reply[0]))
    throw new TypeError(`reserve.lua answered ${JSON.stringify(reply)}`)
  const at = (place: number) => numberOf(reply[place - 1])
  return {
    status: reply[0],
    retryAfterMs: at(2) < 0 ? undefined : at(2),
    remaining: remainingOf(at(3), at(4), at(5)),
    tokens: at(6),
    epoch: wordOf(reply[6]),
    seq: at(8),
    day: at(9),
    committed: at(10),
    processes: at(11),
    lease: { number: at(12), requests: at(20), tokens: at(21), usd: at(22) },
    clock: at(23),
    bounds: boundsOf(at(13), at(14), at(15)),
    load: { requests: at(16), tokens: at(17) },
    resetMs: at(18),
    version: at(19),
    report: { number: at(24), clock: at(25), time: at(26) },
  }
}

/** Leaves out negative amounts, which mean that there is no limit. */
function remainingOf(requests: number, tokens: number, usd: number): Remaining {
  const remaining: Remaining = {}
  if (requests >= 0) remaining.requests = requests
  if (tokens >= 0) remaining.tokens = tokens
  if (usd >= 0) remaining.usd = usd as NanoUsd
  return remaining
}

function boundsOf(rpm: number, tpm: number, usdPerDay: number): Bounds {
  const bounds: { -readonly [Name in keyof Bounds]: Bounds[Name] } = {}
  if (rpm >= 0) bounds.rpm = rpm
  if (tpm >= 0) bounds.tpm = tpm
  if (usdPerDay >= 0) bounds.usdPerDay = usdPerDay as NanoUsd
  return bounds
}

/** Parses a reply of settle.lua. @throws TypeError if it is malformed. */
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
