import { nanoUsd } from '../../core/money.ts'
import type { CallRecord } from '../../core/record.ts'
import { hashTag } from '../../redis/hash-tag.ts'
import { bucketOf } from './histogram.ts'

/** Integers by name; dollars in billionths. Two of them merge by adding each name, here and in Redis. */
export type Counters = Map<string, number>

/** Longest team or agent name in characters; callers choose agent names. */
const MAX_NAME = 100
const HITS = new Set(['exact', 'semantic', 'flight', 'stale'])

export const MINUTE_MS = 60_000
export const HOUR_MS = 3_600_000

/** Milliseconds since the epoch when a call ended, which decides its minute and hour. */
export const endOf = ({ startedAt, latencyMs }: CallRecord): number => startedAt + latencyMs

/** Returns the field of a call's row in its minute or hour. */
export const rowOf = (team: string, agent: string): string =>
  `${hashTag(team.slice(0, MAX_NAME))}/${hashTag(agent.slice(0, MAX_NAME))}`

/** Agent of the row for calls beyond the row limit. */
export const OVERFLOW_AGENT = '(others)'

/** Parses a row's field into team and agent. Returns `undefined` for any other field. */
export function namesOf(row: string): { team: string; agent: string } | undefined {
  const [team, agent, ...more] = row.split('/')
  if (team === undefined || agent === undefined || more.length > 0) return undefined
  try {
    return { team: nameOf(team), agent: nameOf(agent) }
  } catch {
    return undefined
  }
}

const nameOf = (tag: string) => (tag === '%' ? '' : decodeURIComponent(tag))

/**
 * Adds with a cap of 2^53 - 1, above which neither JavaScript nor Lua counts exactly. In billionths: $9,007,199 per
 * agent and hour.
 */
const addCapped = (sum = 0, amount: number) => Math.min(Number.MAX_SAFE_INTEGER, sum + amount)

/** Adds one call to the counters. */
export function count(counters: Counters, record: CallRecord): void {
  const { status, cache, usage, costUsd, latencyMs } = record
  const hit = HITS.has(cache)
  const add = (name: string, amount: number) => {
    if (amount > 0) counters.set(name, addCapped(counters.get(name), amount))
  }
  add('calls', 1)
  if (record.keyId !== undefined) add(`key.${record.keyId}`, 1)
  if (status === 'failed') add('errors', 1)
  if (status === 'aborted') add('aborted', 1)
  if (status === 'refused') add(`refused.${codeOf(record)}`, 1)
  else add(`${hit ? 'spared' : 'asked'}.${bucketOf(latencyMs)}`, 1)
  if (hit) add(`hits.${cache}`, 1)
  else if (usage !== undefined) {
    add('input', usage.input)
    add('cached', usage.cachedInput)
    add('output', usage.output)
    add('reasoning', usage.reasoning)
  }
  if (costUsd === undefined) add('unpriced', 1)
  else {
    add('cost', nanoUsd(costUsd))
    if (record.operation === 'embeddings') add('embedding', nanoUsd(costUsd))
  }
  add('saved', nanoUsd(record.savedUsd ?? 0))
  if (record.estimated) add('estimated', 1)
  if (record.degraded !== undefined) add('degraded', 1)
  add('upstream', record.attempts.length)
}

const codeOf = ({ error = '' }: CallRecord) => (/^[a-z_]{1,60}$/.test(error) ? error : 'other')

export const serializeCounters = (sums: Counters): string =>
  [...sums].map(([name, amount]) => `${name}=${amount}`).join(' ')

/** Parses counters; ignores whatever is not `name=integer`. */
export function parseCounters(text: string): Counters {
  const sums: Counters = new Map()
  for (const [, name = '', amount] of text.matchAll(/(\S+)=(\d+)(?=\s|$)/g)) sums.set(name, Number(amount))
  return sums
}

export function merge(into: Counters, from: Counters): void {
  for (const [name, amount] of from) into.set(name, addCapped(into.get(name), amount))
}
