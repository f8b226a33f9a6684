import type { Redis } from 'ioredis'
import type { RedisConnection } from '../redis/connection.ts'
import { isWrongType } from '../redis/errors.ts'
import { scanPages } from '../redis/scan.ts'
import { type AutoStats, autoStatsOf, knownOf } from './decision/auto/auto-stats.ts'
import { sumsOf } from './decision/auto/ledger.ts'
import { rightAnswersNeeded, standingAfter } from './decision/auto/standing.ts'
import { stateFrom } from './decision/auto/state.ts'

/** Whether an agent in mode `auto` serves, and why, by its state in Redis. The state's signature is not verified. */
export type SemanticAutoStatus = AutoStats & {
  team: string
  agent: string
  /** Id of the embedder. */
  embedder: string
  /** Right answers in a row that would prove the budget. Absent: more than count. */
  rightNeeded?: number
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
  const { agent, embedder, budget } = state
  // As each process decides for itself: days have passed since the state was written.
  const terms = { errorBudget: budget, hasJudge: state.reason !== 'unjudged' }
  const rightNeeded = rightAnswersNeeded(sums, budget)
  return {
    ...{ team, agent, embedder },
    ...autoStatsOf(knownOf(standingAfter(state, sums, terms, now), sums, state, now)),
    ...(rightNeeded !== undefined && { rightNeeded }),
    ...{ hits: sums.hits, judgements: sums.judgements },
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
