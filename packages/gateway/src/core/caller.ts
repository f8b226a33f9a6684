import type { Limits } from './limits.ts'
import type { Capture, ExactPolicy, GuardName, Mode } from './policy.ts'
import type { Refusal } from './refusal.ts'

/** How the questions of one agent are treated, worked out of the policy's layers. */
export type SemanticPlan = {
  mode: 'shadow' | 'on'
  /** Cosine from which an answer serves on its own, until labels say otherwise; `undefined`: the embedder's. */
  threshold: number | undefined
  /** From here up to the threshold, near-misses are judged. */
  band: number
  ttlSeconds: number
  /** Of the answers served by meaning, the part that may be wrong. */
  errorBudget: number
  judge: { model: string; rate: number; perHour: number } | undefined
  /** An answer serves only once a second call was found to have got it, too. */
  secondSighting: boolean
  /** Who may veto, in this order. */
  guards: readonly GuardName[]
}

/** Who is calling, and what that allows. A Call cannot exist without one. */
export type Caller = {
  agent: string
  team: string
  /** How its calls go. */
  mode: Mode
  /** Absent: nothing binds this caller. */
  limits: Limits | undefined
  /** What of its content leaves this process for traces. */
  capture: Capture
  /** Models it may name; absent: any. */
  models: ReadonlySet<string> | undefined
  /** How long an answer is good for, in seconds; `undefined`: the exact cache is off. */
  exact: Required<ExactPolicy> | undefined
  /** How its questions are answered by meaning; `undefined`: they are not. */
  semantic: SemanticPlan | undefined
  /** May share answers at all, cached or in flight. */
  cacheable: boolean
  /** Its answers may be shared with every team. */
  crossTeamCache: boolean
  /** Its answers are shared only between calls of one end user. */
  perUser: boolean
  /** Credentials are no part of the cache key. */
  accountsShare: boolean
  /** What its calls do at a limit, unless they say otherwise. */
  onLimit: 'reject' | 'wait'
  /** In line, 0 goes first and 9 last. */
  priority: number
  maxWaitMs: number
  /** How many calls of its team may wait in this process. */
  maxQueued: number
  /** It claims to be somebody and cannot show it. */
  refusal?: Refusal
}

export type Claim = { agent: string | undefined; key: string | undefined; team: string | undefined }
