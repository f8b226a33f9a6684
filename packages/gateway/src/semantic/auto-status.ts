import type { Redis } from 'ioredis'
import type { RedisConnection } from '../redis/connection.ts'
import { isWrongType } from '../redis/errors.ts'
import { scanPages } from '../redis/scan.ts'
import { dayOf, NO_MONEY, sumsOf } from './decision/auto/ledger.ts'
import { type AutoReason, rightAnswersNeeded, standingAfter } from './decision/auto/standing.ts'
import { stateFrom } from './decision/auto/state.ts'
import { upperBound } from './decision/threshold/bound.ts'

/** Whether an agent in mode `auto` serves, and why, by its state in Redis. The state's signature is not verified. */
export type SemanticAutoStatus = {
  team: string
  agent: string
  /** Id of the embedder. */
  embedder: string
  serving: boolean
  reason: AutoReason
  /** When it began to serve, or stopped, in milliseconds since the epoch. */
  since: number
  /** Newest judged answers, 3,000 at most; those that were wrong; and the highest share of wrong ones, with 95 % confidence. */
  judged: number
  wrong: number
  upperBound: number
  /** `errorBudget` of the policy. */
  budget: number
  /** Right answers in a row that would prove the budget. Absent: more than count. */
  rightNeeded?: number
  /** US dollars of the last 7 days (UTC), and of today. */
  savedUsd: number
  spentUsd: number
  today: { savedUsd: number; spentUsd: number }
  /** Hits of the last 7 days, served or not, and judgements. */
  hits: number
  judgements: number
}

const STATE = /^gw:\{([^}]*)\}:sa:/
const MAX_BYTES = 10_000
const SIGNATURE_CHARS = 22

/**
 * Returns the status of each agent that has a state in Redis, by team and agent. Sends one SCAN per 500 keys.
 * @throws RedisUnavailable
 */
export async function autoStatuses(connection: RedisConnection, now: number): Promise<SemanticAutoStatus[]> {
  const found: SemanticAutoStatus[] = []

  async function add(node: Redis, key: string): Promise<void> {
    const text = await connection.run(() => node.getrange(key, SIGNATURE_CHARS + 1, MAX_BYTES))
    const status = statusFrom(text, teamOf(STATE.exec(key)?.[1] ?? ''), now)
    if (status !== undefined) found.push(status)
  }

  for await (const { node, keys } of scanPages(connection, 'gw:{*}:sa:*'))
    await Promise.all(keys.map((key) => add(node, key).catch(skipWrongType)))
  const nameOf = ({ team, agent }: SemanticAutoStatus) => `${team} ${agent}`
  return found.toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1))
}

function statusFrom(text: string, team: string, now: number): SemanticAutoStatus | undefined {
  const state = stateFrom(text)
  if (state === undefined) return undefined
  const sums = sumsOf(state, now)
  const { judged, wrong, hits, judgements } = sums
  const { agent, embedder, budget, days } = state
  // As each process decides for itself: days have passed since the state was written.
  const terms = { errorBudget: budget, hasJudge: state.reason !== 'unjudged' }
  const { serving, reason, since } = standingAfter(state, sums, terms, now)
  const rightNeeded = rightAnswersNeeded(sums, budget)
  const today = days.get(dayOf(now)) ?? NO_MONEY
  return {
    ...{ team, agent, embedder, serving, reason, since, judged, wrong },
    upperBound: upperBound(wrong, judged),
    budget,
    ...(rightNeeded !== undefined && { rightNeeded }),
    savedUsd: sums.saved / 1e9,
    spentUsd: sums.spent / 1e9,
    today: { savedUsd: today.saved / 1e9, spentUsd: today.spent / 1e9 },
    ...{ hits, judgements },
  }
}

function teamOf(tag: string): string {
  try {
    return decodeURIComponent(tag)
  } catch {
    return tag
  }
}

/** Another program may have a list or a set at such a key. */
function skipWrongType(error: unknown): void {
  if (!isWrongType(error)) throw error
}
