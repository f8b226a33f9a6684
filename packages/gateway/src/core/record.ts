import type { NanoUsd } from './money.ts'
import type { Operation, Purpose, Route } from './operation.ts'
import type { Usage } from './usage.ts'

/** Part of the caches in the answer. `bypass`: not consulted. `stale`: the entry had expired. */
export type CacheState = 'exact' | 'semantic' | 'flight' | 'miss' | 'bypass' | 'stale'

/** One request that left for upstream, or tried to. */
export type Attempt = {
  model: string
  /** HTTP status. Absent when no response came. */
  status: number | undefined
  /** Milliseconds to the response's headers. */
  latencyMs: number
  /** Proxy it went through. Absent: directly to upstream. */
  through?: 'litellm'
}

/** Record of one call, including the SDK's retries. Emitted once, after the call has ended. */
export type CallRecord = {
  id: string
  /** Start of the call by the wall clock, in milliseconds since the epoch. It ended `latencyMs` later. */
  startedAt: number
  agent: string
  team: string
  /**
   * First 12 hex digits of the SHA-256 of the team key that proved the team, as in the policy's `keys`. Absent without one.
   */
  keyId?: string
  session?: string
  user?: string
  trace?: string
  tags: string[]
  /** Set when the gateway made this call itself, for its semantic cache. Absent: the agent made it. */
  purpose?: Purpose
  /** How it went. Absent: through the pipeline here. */
  mode?: 'litellm' | 'direct'
  operation: Operation | 'other'
  /** The path of the request, without query. */
  path: string
  stream: boolean
  /** As the caller wrote it. Absent if it wrote none. */
  requestedModel?: string
  model: string
  route: Route
  cache: CacheState
  /** Why the caches were bypassed, as one word. */
  bypass?: string
  /** Key of its exact cache entry, or of the semantic entry found; for `purge({ key })`. */
  cacheKey?: string
  /** Cosine of a semantic hit. */
  similarity?: number
  /** Result of the semantic cache. Absent where it was not consulted. */
  semantic?: SemanticResult
  /** Age of a cached answer in milliseconds. */
  ageMs?: number
  /** Tokens of the answer, also of a cached one. Absent when there was none. */
  usage?: Usage
  /** True if the tokens are the gateway's estimate because upstream sent no count. */
  estimated: boolean
  /** Cost of this call in US dollars, exact to the billionth. Absent: the price of the model is unknown. */
  costUsd?: number
  /** Cost in US dollars avoided by the cache or the shared flight. */
  savedUsd?: number
  /** Milliseconds spent waiting for a limit, where `onLimit` is `wait`. Absent when it did not wait. */
  waitedMs?: number
  /** Set when Redis did not fully serve this call: `down`, `slow` (missed its deadline) or `full` (nothing stored). */
  degraded?: Degraded
  /** Milliseconds from the call to the end of its answer, by a monotonic clock. */
  latencyMs: number
  /** Streams: milliseconds to the first byte of the answer. */
  firstTokenMs?: number
  attempts: Attempt[]
  status: 'ok' | 'refused' | 'aborted' | 'failed'
  /** HTTP status the caller saw. Absent when it saw none. */
  httpStatus?: number
  /** The error's code, or its name and message. Never holds a key. */
  error?: string
}

export type Degraded = 'down' | 'slow' | 'full'

/** A record under construction. It outlives an attempt that the SDK is going to retry. */
export type RecordDraft = {
  attempts: Attempt[]
  /** Number of attempts not yet in `spent`: running, or ended and not priced yet. */
  open: number
  /** Nano-dollars of this call's attempts; `undefined` once one of them is unknown. */
  spent: NanoUsd | undefined
  /** Emits the record once all attempts are in `spent`. Set when the last attempt ended before that. */
  last: (() => void) | undefined
  estimated: boolean
  /** Milliseconds spent waiting for a limit. */
  waitedMs: number
  /** True if its limits were counted by this process alone. */
  degraded: boolean
}

/** Result of the semantic cache for a call. */
export type SemanticResult = {
  /**
   * `hit`: served. `shadow-hit`: would have served in mode `on`. `veto`: a guard rejected the nearest question.
   * `below-threshold`: no candidate reached the threshold (with a reason: a guard would have rejected it, too). `no-candidate`: no
   * candidate. `ineligible`: such calls are never looked up. `unavailable`: no embedding came in time. `explored`:
   * sent upstream in order to learn. `uncalibrated`: the neighbours agree, but too little is known of this embedder to
   * trust them.
   */
  outcome:
    | 'hit'
    | 'shadow-hit'
    | 'veto'
    | 'below-threshold'
    | 'no-candidate'
    | 'ineligible'
    | 'unavailable'
    | 'explored'
    | 'uncalibrated'
  /**
   * For a veto, the guard; for an ineligible or unavailable call, the reason; for a shadow-hit in mode `auto`, why it did not
   * serve: `unproven`, `not-worth-it`, `unpriced`, `unjudged` or `unknown`. One word.
   */
  reason?: string
  /** `consensus`: several neighbours agree on the answer. `nearest`: the nearest entry decides. */
  path?: 'consensus' | 'nearest'
  /** Weight of the agreeing neighbours, 0 to 1. */
  confidence?: number
  /** Cosine of the question that was answered, or of the nearest. */
  similarity?: number
  /** Cosine the nearest has to reach without support by others. */
  threshold?: number
  /** Key of that entry, for `inspect`. */
  entry?: string
}
