import { nanoUsd } from '../../core/money.ts'
import type { CallRecord } from '../../core/record.ts'
import { hashTag } from '../../redis/hash-tag.ts'
import { bucketOf } from './histogram.ts'

/** Whole numbers by name; dollars in billionths. Any two of them add up name by name, here and in Redis. */
export type Counters = Map<string, number>

/** Longer names are cut: callers choose them. */
const MAX_NAME = 100
const HITS = new Set(['exact', 'semantic', 'flight', 'stale'])

export const MINUTE_MS = 60_000
export const HOUR_MS = 3_600_000

/** The moment a call ended, which decides where it is counted. */
export const endOf = ({ startedAt: at, latencyMs }: CallRecord): number => at + latencyMs

/** Which row of its minute a call belongs to. */
export const rowOf = (team: string, agent: string): string =>
  `${hashTag(team.slice(0, MAX_NAME))}/${hashTag(agent.slice(0, MAX_NAME))}`

/** Where those go for whom there is no row any more. */
export const OTHERS = '(others)'

/** The two names in a row; `undefined` where it is none of ours. */
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

/** Sums end at 2^53 - 1, in Lua, too: beyond it neither adds ones. In billionths that is $9,007,199 in an hour of one agent. */
const plus = (sum = 0, amount: number) => Math.min(Number.MAX_SAFE_INTEGER, sum + amount)

/** What one call adds. */
export function count(sums: Counters, record: CallRecord): void {
  const { status, cache, usage, costUsd, latencyMs } = record
  const hit = HITS.has(cache)
  const add = (name: string, amount: number) => {
    if (amount > 0) sums.set(name, plus(sums.get(name), amount))
  }
  add('calls', 1)
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

export const written = (sums: Counters): string =>
  [...sums].map(([name, amount]) => `${name}=${amount}`).join(' ')

/** What is not a name and a count is left out. */
export function read(text: string): Counters {
  const sums: Counters = new Map()
  for (const [, name = '', amount] of text.matchAll(/(\S+)=(\d+)(?=\s|$)/g)) sums.set(name, Number(amount))
  return sums
}

export function merge(into: Counters, from: Counters): void {
  for (const [name, amount] of from) into.set(name, plus(into.get(name), amount))
}
