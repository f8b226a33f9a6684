import type { NanoUsd } from './money.ts'
import type { Route, Via } from './operation.ts'
import type { SemanticResult } from './record.ts'
import type { Recording } from './recording.ts'

/** What comes back up. A failure is a Reply, too: its recording rejects when it is opened. */
export type Reply = {
  via: Via
  /** The model that answered, or would have. */
  model: string
  route: Route
  recording: Recording
  /** Where the exact cache keeps the answer, or would. */
  key?: string
  /** Cache hits: milliseconds since the answer was stored. */
  ageMs?: number
  /** Semantic hits: cosine between the question and the one it was stored under. */
  similarity?: number
  /** What the semantic cache made of the call; absent where it was not asked. May come after the answer. */
  semantic?: SemanticResult | Promise<SemanticResult | undefined> | undefined
  /** Why neither cache nor flight was used, as a word; absent when they were. */
  bypass?: string
  /** Refusals: the code. */
  refusal?: string
  /** Told what becomes of the answer, once the cache has or refuses it: until then newcomers join the flight it came with. */
  onStored?: (kept: boolean | Promise<boolean>) => void
  /** Headers of ours that belong to this answer: what the team has left. */
  headers?: Record<string, string>
  /** What a proxy says it charged, for models whose price we do not know. */
  reportedCost?: NanoUsd
  /** What it cost and saved, once it has ended. Set by the account stage, which everything passes. */
  cost?: Cost | Promise<Cost>
}

/** What an answer cost, and what it would have. `undefined`: unknown, which is not nothing. */
export type Cost = { cost: NanoUsd | undefined; saved: NanoUsd | undefined }
