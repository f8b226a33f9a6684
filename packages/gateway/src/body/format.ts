import type { JsonObject } from '../core/json.ts'
import type { SseEvent } from './sse.ts'
import type { WrittenText } from './written-text.ts'

/** How one operation's answers look whole and streamed, and how each is converted to the other. */
export type Format = {
  /** Returns whether an event ends an answer: `[DONE]`, or a terminal event. */
  ends: (event: SseEvent) => boolean
  /** Returns whether the SDK reads an event after the end. Absent if it reads none. */
  goesOn?: (event: SseEvent) => boolean
  /** Returns whether an event reports a failure in mid-stream, under a status of 200. */
  fails: (event: SseEvent) => boolean
  /** Assembles the whole answer of a stream; `undefined` if readers could assemble it differently, or it is incomplete. */
  assemble: (events: readonly SseEvent[]) => JsonObject | undefined
  /** Returns the frames of a stream of this answer, with its end. */
  emit: (answer: JsonObject, includeUsage: boolean) => string[]
  /** Returns whether an answer is complete: not truncated, filtered, failed or incomplete. */
  storable: (answer: JsonObject) => boolean
  /** Returns whether only usage and the end can follow these events. */
  finished: (events: readonly SseEvent[]) => boolean
  /** Passes every text that the model has written to `say`, to count its tokens. */
  produced: (events: readonly SseEvent[], say: WrittenText) => void
  /** Returns whether an event holds usage and nothing else. */
  isUsageOnly: (event: SseEvent) => boolean
  /** Returns whether an event after the usage adds nothing that the usage would have to count. */
  isSilent: (event: SseEvent) => boolean
  /** Returns an event as callers get it who did not ask for usage. */
  withoutNullUsage: (event: SseEvent) => SseEvent
}
