import type { JsonObject } from './json.ts'
import type { MeteredUsage, Usage } from './usage.ts'

/** How an answer ended, for everyone who shared it. */
export type Ending =
  /** All of it came. `answer()` is absent when the body was not the JSON it claimed to be, or too long to keep. */
  | { type: 'complete'; usage: MeteredUsage; answer: () => Answer | undefined }
  /** Nobody was left to read it, or upstream stopped before the end of the answer. */
  | { type: 'aborted'; usage: MeteredUsage }
  /** Upstream broke: no response came, or its body ended in an error. `unseen`: the request met a connection already closed. */
  | { type: 'failed'; usage: MeteredUsage; error: unknown; unseen?: boolean }

/** A whole answer: as upstream wrote it (or as a stream adds up to), and parsed. */
export type Answer = {
  text: string
  json: JsonObject
  /** Its bytes are no UTF-8: readers see what was not written, so it is never given again. */
  isMangled?: boolean
}

/** Characters of the largest answer that is kept for later calls; larger ones are not worth what they push out. */
export const MOST_ANSWER_CHARS = 1024 * 1024

/** Gives up a place at a recording; `early`: before the reader had all of it. Later calls change nothing. */
export type Release = (early: boolean) => void

/** One answer: read once where its bytes are born, opened by each of its readers. */
export type Recording = {
  /** The HTTP status, or `undefined` when no response came. */
  status: number | undefined
  headers: Headers
  /** False once its beginning is gone: too long to keep. */
  joinable: () => boolean
  /** The last byte has come, or no more will. */
  isOver: () => boolean
  /** How it came to its end, from the moment on when it did: `ended` waits for its tokens to be counted. */
  outcome?: () => Ending['type'] | undefined
  /**
   * A Response of the reader's own, from the first byte on, live if need be.
   * Rejects with the transport's own error, or the reader's abort reason, when there is nothing to open.
   */
  open: (view: View, leave: Release) => Promise<Response>
  /**
   * At the end of the answer: false where it came whole but can be shown only in the shape it came in, as a stream or
   * whole. Absent where both shapes can always be shown.
   */
  convertible?: () => Promise<boolean>
  /** Nobody reads any more: stop upstream, unless the answer is as good as finished. */
  cancelIfUnread: () => void
  ended: Promise<Ending>
  /** The same, where it was known from the start: answers at rest, and refusals. */
  ending?: Ending
}

/** A recording of which nothing can be opened: upstream could not be reached, or the caller left before it answered. */
export function withoutResponse(reason: unknown, ended: Promise<Ending>): Recording {
  return {
    status: undefined,
    headers: new Headers(),
    joinable: () => false,
    isOver: () => true,
    open: (view, leave) => {
      leave(true)
      return Promise.reject(view.follows ? ofConnection(reason) : reason)
    },
    cancelIfUnread: () => {},
    ended,
  }
}

/** An AbortError of another caller's transport would silence the SDK of a caller that shares the call. */
function ofConnection(reason: unknown): unknown {
  const isAbort = reason instanceof Error && reason.name === 'AbortError'
  return isAbort ? new TypeError('fetch failed', { cause: reason }) : reason
}

/** How one caller wants to see an answer that others may be sharing. */
export type View = {
  stream: boolean
  /** The caller asked for `stream_options.include_usage`. */
  includeUsage: boolean
  signal: AbortSignal
  /** Another caller's transport brings the answer: its errors are told as those of a connection. */
  follows?: true
}

/** What a recording saw of an answer by the time it ended. */
export type ObservedAnswer = {
  usage: Usage | undefined
  /** The usage covers the whole answer and does not contradict itself. */
  whole?: boolean
  /** The service tier that answered. */
  tier?: string | undefined
  /** What the model had written: texts that are counted one by one. */
  produced: readonly string[]
  /** Bytes that went by without being kept: no token is shorter. */
  unkept: number
}
