import type { Capture, ExactPolicy, GuardName, Mode, SemanticMode } from './policy.ts'
import type { Refusal } from './refusal-codes.ts'
import type { Limits } from './team-limits.ts'

/** Semantic cache settings of one agent, merged from the layers of the policy. */
export type SemanticPlan = {
  mode: Exclude<SemanticMode, 'off'>
  /**
   * Cosine from which an answer serves without support by others, until labels move it. `undefined`: the embedder's
   * default.
   */
  threshold: number | undefined
  /** Lowest cosine at which near-misses are judged; the range ends at the threshold. */
  judgeFrom: number
  ttlSeconds: number
  /** Share of semantic hits that may be wrong, 0 to 1. */
  errorBudget: number
  judge: { model: string; rate: number; perHour: number } | undefined
  /** An answer serves only after a second call received the same answer. */
  requireConfirmation: boolean
  /** An answer may be given to another end user. */
  shareBetweenUsers: boolean
  /** Guards that may veto, in this order. */
  guards: readonly GuardName[]
}

/** The caller of a call, with everything the policy grants it. A Call cannot exist without one. */
export type Caller = {
  agent: string
  team: string
  /** First 12 hex digits of the SHA-256 of the team key that proves its team. Absent: it has given none. */
  keyId?: string
  /** How its calls go: pipeline, proxy or direct. */
  mode: Mode
  /** Limits of its team. Absent: no limit applies. */
  limits: Limits | undefined
  /** How much of its content leaves this process for traces. */
  capture: Capture
  /** Models it may name. Absent: any. */
  models: ReadonlySet<string> | undefined
  /** Lifetimes of exact cache entries, in seconds. `undefined`: the exact cache is off. */
  exact: Required<ExactPolicy> | undefined
  /** Semantic cache settings. `undefined`: the semantic cache is off. */
  semantic: SemanticPlan | undefined
  /** Whether it may share answers at all, cached or in flight. */
  cacheable: boolean
  /** Its answers may be shared with every team. */
  crossTeamCache: boolean
  /** Its answers are shared only between calls of one end user. */
  perUser: boolean
  /** Leaves credentials out of the cache key. */
  accountsShare: boolean
  /** Default for calls that hit a limit and do not say otherwise. */
  onLimit: 'reject' | 'wait'
  /** Queue priority: 0 goes first, 9 last. */
  priority: number
  maxWaitMs: number
  /** Number of its team's calls that may wait in this process. */
  maxQueued: number
  /** Set when the claimed identity is not proven. */
  refusal?: Refusal
}

export type Claim = { agent: string | undefined; key: string | undefined; team: string | undefined }
