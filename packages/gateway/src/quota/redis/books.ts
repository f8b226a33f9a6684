import type { RedisConnection } from '../../redis/connection.ts'
import { hashTag } from '../../redis/hash-tag.ts'
import { createScript } from '../../redis/script.ts'
import booksSource from './books.lua'
import { zoneAt } from './day-boundary.ts'
import stateSource from './state.lua'
import { keysOf } from './wire.ts'

/** Books of a team's day and minute. US dollars, unless said otherwise. */
export type TeamBooks = {
  /** Settled calls of the day. */
  spentUsd: number
  /** Of this day, from before Redis lost the state, or added by an operator. */
  inheritedUsd: number
  /** May have been spent: no settlement confirms it. It counts against the limit. */
  unconfirmedUsd: number
  /** Worst cases of calls in flight. */
  heldUsd: number
  /** What live processes may spend without asking Redis. It counts against the limit. */
  leasedUsd: number
  /** Leases of processes that are silent for hours: they may have spent them. */
  lapsedUsd: number
  /** Requests and tokens of the last minute, and those that live processes may use without asking Redis. */
  requests: number
  tokens: number
  leasedRequests: number
  leasedTokens: number
  /** Number of holds of different ends. */
  holds: number
  /** Limits of the highest policy version that a process has sent. Absent: no limit. */
  limits: { rpm?: number; tpm?: number; usdPerDay?: number; version: number }
}

/** A process that has a lease or has shown a sign of life. */
export type ProcessBooks = {
  /** A random name: it is in no log. */
  process: string
  silentMs: number
  leasedRequests: number
  leasedTokens: number
  leasedUsd: number
  /** Number of its lease; 0: it has none. */
  lease: number
  /** Milliseconds since the grant. Absent without a lease. */
  grantedMs?: number
  /** Number of its last report of calls that it admitted by its lease; 0: none. */
  report: number
}

export type QuotaBooks = {
  team: string
  /** `absent`: no process has counted for this team for two days. `damaged`: another program has written there. */
  state: 'present' | 'absent' | 'damaged'
  /** Day of the books in the policy's time zone, as YYYY-MM-DD. */
  day?: string
  books?: TeamBooks
  processes: ProcessBooks[]
}

/** Who changes the books, and why. */
export type BooksNote = { by: string; comment?: string }

export type BooksChange = {
  /** `absent`: there was nothing to reset. `other-day`: a new day has begun since the evidence was read. */
  outcome: 'changed' | 'unchanged' | 'absent' | 'damaged' | 'other-day'
  before?: TeamBooks
  after?: TeamBooks
}

/** A change of the past, newest first. */
export type LoggedChange = {
  at: number
  day: string
  what: 'reset' | 'balance'
  by: string
  comment?: string
  before: TeamBooks
  after: TeamBooks
}

export type BooksAdmin = {
  show: (team: string) => Promise<QuotaBooks>
  /** Starts the day, the minute, or both from zero. Holds, leases and lapsed dollars stay. */
  reset: (team: string, what: 'day' | 'minute' | 'day+minute', note: BooksNote) => Promise<BooksChange>
  /**
   * Raises the day's books to what it has cost by other evidence; with `lower` also lowers them.
   * @param day of the evidence, as YYYY-MM-DD
   */
  balance: (
    team: string,
    evidence: { usd: number; day: string; lower: boolean },
    note: BooksNote,
  ) => Promise<BooksChange>
  log: (team: string) => Promise<LoggedChange[]>
}

const NANO = 1e9
const DAY_MS = 86_400_000

/** Creates access of operators to the books in Redis. All methods reject with RedisUnavailable while Redis is away. */
export function createBooksAdmin(connection: RedisConnection, timezone: string): BooksAdmin {
  const script = createScript([stateSource, booksSource].join('\n'), 'allow-oom')

  async function run(team: string, args: (string | number)[], note?: BooksNote): Promise<unknown[]> {
    const { before, changes, after } = zoneAt(Date.now(), timezone)
    const [what = '', ...rest] = args
    const [first = '', second = '', third = ''] = rest
    const argv = [
      what,
      before,
      changes,
      after,
      first,
      second,
      third,
      note === undefined ? '' : membersOf(note),
    ]
    const [state = ''] = keysOf(team, '')
    return (await connection.run(
      (client) => script.run(client, [state, logKeyOf(team)], argv),
      'reply',
    )) as unknown[]
  }

  return {
    async show(team) {
      const [outcome, day, books, , processes] = await run(team, ['show'])
      if (outcome !== 'shown')
        return { team, state: outcome === 'absent' ? 'absent' : 'damaged', processes: [] }
      return {
        team,
        state: 'present',
        day: dayName(typeof day === 'number' || typeof day === 'string' ? Number(day) : 0),
        books: booksOf(books),
        processes: (processes as string[][]).map(processOf),
      }
    },
    reset: async (team, what, note) => changeOf(await run(team, ['reset', what], note)),
    async balance(team, { usd, day, lower }, note) {
      const number = Date.parse(`${day}T00:00:00Z`) / DAY_MS
      return changeOf(await run(team, ['balance', Math.round(usd * NANO), lower ? 1 : '', number], note))
    },
    async log(team) {
      const lines = await connection.run((client) => client.lrange(logKeyOf(team), 0, -1))
      return lines.flatMap(loggedFrom)
    },
  }
}

const dayName = (number: number) => new Date(number * DAY_MS).toISOString().slice(0, 10)

const logKeyOf = (team: string) => `gw:{${hashTag(team)}}:books`

/** Members without braces: the script puts its own before them. */
const membersOf = ({ by, comment }: BooksNote) =>
  JSON.stringify({ by, ...(comment === undefined ? {} : { comment }) }).slice(1, -1)

function booksOf(figures: unknown): TeamBooks {
  const at = (figures as (string | number)[]).map(Number)
  const [spent = 0, inherited = 0, doubt = 0, held = 0, leased = 0, lapsed = 0, ...rest] = at
  const [requests = 0, tokens = 0, leasedRequests = 0, leasedTokens = 0, holds = 0, ...limits] = rest
  const [rpm = -1, tpm = -1, usd = -1, version = 0] = limits
  return {
    spentUsd: spent / NANO,
    inheritedUsd: inherited / NANO,
    unconfirmedUsd: doubt / NANO,
    heldUsd: held / NANO,
    leasedUsd: leased / NANO,
    lapsedUsd: lapsed / NANO,
    requests,
    tokens,
    leasedRequests,
    leasedTokens,
    holds,
    limits: {
      ...(rpm >= 0 && { rpm }),
      ...(tpm >= 0 && { tpm }),
      ...(usd >= 0 && { usdPerDay: usd / NANO }),
      version,
    },
  }
}

function processOf([process = '', ...figures]: string[]): ProcessBooks {
  const [silentMs = 0, requests = 0, tokens = 0, usd = 0, lease = 0, granted = 0, report = 0] =
    figures.map(Number)
  return {
    process,
    silentMs: Math.max(0, silentMs),
    leasedRequests: requests,
    leasedTokens: tokens,
    leasedUsd: usd / NANO,
    lease,
    ...(lease > 0 && { grantedMs: Math.max(0, granted) }),
    report,
  }
}

function changeOf([outcome, , before, after]: unknown[]): BooksChange {
  if (outcome === 'changed' || outcome === 'unchanged')
    return { outcome, before: booksOf(before), after: booksOf(after) }
  if (outcome === 'other-day') return { outcome }
  return { outcome: outcome === 'absent' ? 'absent' : 'damaged' }
}

/** Leaves out a line that the script has not written. */
function loggedFrom(line: string): LoggedChange[] {
  try {
    const { at, day, what, by, comment, before, after } = JSON.parse(line) as Record<string, unknown>
    if (typeof at !== 'number' || typeof day !== 'number' || typeof by !== 'string') return []
    if ((what !== 'reset' && what !== 'balance') || !Array.isArray(before) || !Array.isArray(after)) return []
    return [
      {
        at,
        day: dayName(day),
        what,
        by,
        ...(typeof comment === 'string' && { comment }),
        before: booksOf(before),
        after: booksOf(after),
      },
    ]
  } catch {
    return []
  }
}
