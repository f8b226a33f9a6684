import type { NanoUsd } from './money.ts'
import type { Route, Via } from './operation.ts'
import type { SemanticResult } from './record.ts'
import { type Recording, withoutResponse } from './recording.ts'
import { UNBILLED } from './usage.ts'

/** Result of a handler. A failure is a Reply, too: its recording rejects when it is opened. */
export type Reply = {
  via: Via
  /** The model that answered, or would have. */
  model: string
  route: Route
  recording: Recording
  /** Exact cache key of the answer. Absent: not cacheable. */
  key?: string
  /** Cache hits: milliseconds since the answer was stored. */
  ageMs?: number
  /** Semantic hits: cosine between this question and the stored one. */
  similarity?: number
  /** Result of the semantic cache. Absent where it was not consulted. May settle after the answer. */
  semantic?: SemanticResult | Promise<SemanticResult | undefined> | undefined
  /** Why neither cache nor flight was used, as one word. Absent when they were. */
  bypass?: string
  /** Refusals: the code. */
  refusal?: string
  /** Called when the cache has stored or refused the answer. Until then, new calls join the flight it came with. */
  onStored?: (kept: boolean | Promise<boolean>) => void
  /** Gateway headers for this answer: the team's remaining limits. */
  headers?: Record<string, string>
  /** Cost reported by a proxy, for models without a known price. */
  reportedCost?: NanoUsd
  /** Cost and saving, settled when the answer has ended. Set by the account stage, which every call passes. */
  cost?: Cost | Promise<Cost>
}

/** Cost of an answer, and the cost it saved. `undefined`: unknown, which is not zero. */
export type Cost = { cost: NanoUsd | undefined; saved: NanoUsd | undefined }

type AbortedCall = { signal: AbortSignal; model: string; route: Route }

/** Returns the reply to a caller that left before its request was sent: nothing is billed. */
export function abortedReply({ signal, model, route }: AbortedCall): Reply {
  const ended = Promise.resolve({ type: 'aborted' as const, usage: UNBILLED })
  return { via: 'upstream', model, route, recording: withoutResponse(signal.reason, ended) }
}
