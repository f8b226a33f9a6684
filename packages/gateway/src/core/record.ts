import type { NanoUsd } from './money.ts'
import type { Operation, Purpose, Route } from './operation.ts'
import type { Usage } from './usage.ts'

/** How the caches took part. `bypass`: they were not asked. `stale`: the answer was past its time. */
export type CacheState = 'exact' | 'semantic' | 'flight' | 'miss' | 'bypass' | 'stale'

/** One request that left for upstream, or tried to. */
export type Attempt = {
  model: string
  /** HTTP status; absent when no response came. */
  status: number | undefined
  /** Milliseconds to the response's headers. */
  latencyMs: number
  /** The way it took; absent: straight to upstream. */
  through?: 'litellm'
}

/** Everything worth knowing of one call, the SDK's retries included. Emitted once, after the call has ended. */
export type CallRecord = {
  id: string
  /** When the call was made, by the wall clock, in milliseconds since the epoch. It ended `latencyMs` later. */
  startedAt: number
  agent: string
  team: string
  session?: string
  user?: string
  trace?: string
  tags: string[]
  /** The gateway made this call on its own, for its semantic cache; absent: the agent made it. */
  purpose?: Purpose
  /** How it went; absent: through the pipeline here. */
  mode?: 'litellm' | 'direct'
  operation: Operation | 'other'
  /** The path of the request, without query. */
  path: string
  stream: boolean
  /** As the caller wrote it; absent if it wrote none. */
  requestedModel?: string
  model: string
  route: Route
  cache: CacheState
  /** Why the caches were bypassed, as a word. */
  bypass?: string
  /** The name of its place in the exact cache, or of what was found by meaning; for `purge({ key })`. */
  cacheKey?: string
  /** Cosine of a semantic hit. */
  similarity?: number
  /** What the semantic cache made of the call; absent where it was not asked. */
  semantic?: SemanticResult
  /** Age of a cached answer in milliseconds. */
  ageMs?: number
  /** Tokens of the answer, also of a cached one; absent when there was none. */
  usage?: Usage
  /** The tokens are our estimate: upstream's count never came. */
  estimated: boolean
  /** What this call cost, in US dollars to the billionth. Absent: the price of the model is unknown. */
  costUsd?: number
  /** What it would have cost without the cache or the flight it shared. */
  savedUsd?: number
  /** Milliseconds spent waiting for a limit, where `onLimit` is `wait`; absent when it did not have to. */
  waitedMs?: number
  /** Why shared Redis took less part than it should: it was away, too slow, or full. */
  degraded?: Degraded
  /** Milliseconds from the call to the end of its answer, by a clock that does not step. */
  latencyMs: number
  /** Streams: milliseconds to the first byte of the answer. */
  firstTokenMs?: number
  attempts: Attempt[]
  status: 'ok' | 'refused' | 'aborted' | 'failed'
  /** HTTP status the caller saw; absent when it saw none. */
  httpStatus?: number
  /** The error's code, or its name and message. Never holds a key. */
  error?: string
}

export type Degraded = 'down' | 'slow' | 'full'

/** A record under way. It outlives an attempt that the SDK is going to retry. */
export type RecordDraft = {
  attempts: Attempt[]
  /** Attempts that are not in `spent` yet: under way, or ended and still to be priced. */
  open: number
  /** Nano-dollars of this call's attempts; `undefined` once one of them is unknown. */
  spent: NanoUsd | undefined
  /** Emits the record, once all attempts are in `spent`; set when the last one has ended before that. */
  last: (() => void) | undefined
  estimated: boolean
  /** Milliseconds spent in line for a limit. */
  waitedMs: number
  /** Its limits were counted by this process alone. */
  degraded: boolean
  /** Emits the record after all, should the expected retry never come. */
  overdue: NodeJS.Timeout | undefined
}

/** What the semantic cache made of a call. */
export type SemanticResult = {
  /**
   * `hit`: it answered. `would-hit`: it would have, were it `on`. `veto`: the nearest question was near enough, but a
   * guard saw a difference. `below`: it was not near enough (with a reason: nor would it have passed). `nothing`: there was none. `ineligible`: such calls are not
   * asked by meaning. `unavailable`: no vector came in time. `explored`: asked afresh to learn. `unproven`: those around agree, but of this embedder too
   * little is known to believe them.
   */
  outcome:
    | 'hit'
    | 'would-hit'
    | 'veto'
    | 'below'
    | 'nothing'
    | 'ineligible'
    | 'unavailable'
    | 'explored'
    | 'unproven'
  /** Of a veto, the guard; of an ineligible or unavailable call, why. As a word. */
  reason?: string
  /** `agreement`: several entries around give the answer. `alone`: the nearest does. */
  path?: 'agreement' | 'alone'
  /** Of those who agree, from 0 to 1. */
  confidence?: number
  /** Cosine of the question that was answered, or of the nearest. */
  similarity?: number
  /** What the nearest has to reach where nobody supports it. */
  threshold?: number
  /** That entry, for `inspect`. */
  entry?: string
}
