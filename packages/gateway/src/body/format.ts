import type { JsonObject } from '../core/json.ts'
import type { SseEvent } from './sse.ts'
import type { WrittenText } from './written.ts'

/** What one operation's answers look like, whole and as a stream, and how one becomes the other. */
export type Format = {
  /** The event that ends an answer: `[DONE]`, or a terminal event. */
  ends: (event: SseEvent) => boolean
  /** Whether the SDK reads an event that comes after the end; absent where it reads none. */
  goesOn?: (event: SseEvent) => boolean
  /** A failure in mid-stream, under a status of 200. */
  fails: (event: SseEvent) => boolean
  /** The whole answer that a stream adds up to; `undefined` if it does not add up to one. */
  assemble: (events: readonly SseEvent[]) => JsonObject | undefined
  /** The frames of a stream that adds up to this answer, its end included. */
  emit: (answer: JsonObject, includeUsage: boolean) => string[]
  /** Finished as it should: neither cut off, filtered, failed nor incomplete. */
  storable: (answer: JsonObject) => boolean
  /** Nothing but usage and the end itself is still to come. */
  finished: (events: readonly SseEvent[]) => boolean
  /** Tells all that the model has written, for counting its tokens. */
  produced: (events: readonly SseEvent[], say: WrittenText) => void
  /** The one chunk that brings usage and nothing else. */
  isUsageOnly: (event: SseEvent) => boolean
  /** The event as it is for callers who did not ask for usage. */
  withoutNullUsage: (event: SseEvent) => SseEvent
}
