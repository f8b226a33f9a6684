import type { NanoUsd } from '../core/money.ts'
import type { Operation, Route } from '../core/operation.ts'
import type { CacheState } from '../core/record.ts'
import type { RefusalCode } from '../core/refusal-codes.ts'
import type { Usage } from '../core/usage.ts'

/** A call that was made, or could be made. */
export type PastCall = {
  /** Its start, in milliseconds since the epoch. */
  at: number
  agent: string
  team: string
  operation: Operation
  /** Model that the caller named; absent: none, or `auto`. */
  modelAsked?: string
  /** Two calls with the same text here are the same request. Absent: no other call is the same. */
  question?: string
  /** Tokens of its answer; absent where there was none: those of the agent's other calls are assumed. */
  usage?: Usage
  /** Whether its input was long enough for the larger model: of use where its tokens are not known. */
  wasEscalated?: boolean
  /** Largest number of output tokens that it allows. @default the model's */
  maxOutputTokens?: number
  /** Milliseconds that upstream takes for it; absent where a cache answered: those of the agent's other calls are assumed. */
  upstreamMs?: number
  /** Whether its answer may come from a cache. */
  cacheable: boolean
  /** Whether the semantic cache had an answer. */
  semanticHit: boolean
  /** Whether upstream failed, or the caller left. Its answer is not stored. */
  failed: boolean
  /** Whether it failed and cost nothing: it holds what it may use at most until its end, and uses none of it. */
  unbilled?: boolean
}

/** What became of a call under a policy. */
export type SimulatedEnd = {
  cache: CacheState
  model: string
  route: Route
  /** The end, in milliseconds since the epoch. */
  at: number
  /** Billionths of a dollar; absent where the model has no price. A refused call costs 0. */
  cost?: NanoUsd
  /** Billionths of a dollar that a cache or a shared flight avoided. */
  saved?: NanoUsd
  /** Milliseconds spent waiting for a limit. */
  waitedMs: number
  refused?: RefusalCode
  /** Set for what the gateway itself asks, to refresh a stale answer. */
  isRefresh?: true
}
