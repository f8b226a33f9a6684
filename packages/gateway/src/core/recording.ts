import type { JsonObject } from './json.ts'
import type { MeteredUsage, Usage } from './usage.ts'

/** How an answer ended, the same for every caller who shared it. */
export type Ending =
  /**
   * The whole body came. `answer()` returns `undefined` when the body was not the JSON it claimed to be, or too long
   * to keep. `written()` returns the texts of a stream nevertheless; `undefined` if they are not all known. `bytes`: its size.
   */
  | {
      type: 'complete'
      usage: MeteredUsage
      answer: () => Answer | undefined
      written?: () => string[] | undefined
      bytes?: number
    }
  /** All readers left, or upstream stopped before the end of the answer. */
  | { type: 'aborted'; usage: MeteredUsage }
  /**
   * Upstream failed: no response came, or the body ended in an error. `unseen`: the connection was already closed, so
   * upstream never saw the request.
   */
  | { type: 'failed'; usage: MeteredUsage; error: unknown; unseen?: boolean }

/** A whole answer: its text (for a stream, the combined chunks), and the same parsed. */
export type Answer = {
  text: string
  json: JsonObject
  /** True if its bytes are not valid UTF-8: readers see replacement characters, so it is never served again. */
  isMangled?: boolean
}

/** Characters of the largest answer that is cached; larger ones evict too many others. */
export const MAX_ANSWER_CHARS = 1024 * 1024

/** Releases a reader's place at a recording; `early`: before it read everything. Later calls have no effect. */
export type Release = (early: boolean) => void

/** One answer: read once from upstream, opened by each of its readers. */
export type Recording = {
  /** The HTTP status, or `undefined` when no response came. */
  status: number | undefined
  headers: Headers
  /** False once the beginning has been dropped because the answer is too long. */
  joinable: () => boolean
  /** True once the last byte has come, or no more will. */
  isOver: () => boolean
  /** How it ended, known from that moment on. `ended` also waits for the token count. */
  outcome?: () => Ending['type'] | undefined
  /**
   * Returns a Response for one reader, from the first byte on, live if the answer is still coming. Rejects with the
   * transport's own error, or the reader's abort reason, when there is nothing to open.
   */
  open: (view: View, release: Release) => Promise<Response>
  /**
   * Resolves at the end of the answer: `false` if it can be shown only in the form it came in, as a stream or whole.
   * Absent where both forms are always possible.
   */
  convertible?: () => Promise<boolean>
  /** Called when no reader is left: stops upstream, unless the answer is almost complete. */
  cancelIfUnread: () => void
  ended: Promise<Ending>
  /** The ending, if known from the start: cached answers and refusals. */
  ending?: Ending
}

/** Creates a recording without a response: upstream could not be reached, or the caller left before it answered. */
export function withoutResponse(reason: unknown, ended: Promise<Ending>): Recording {
  return {
    status: undefined,
    headers: new Headers(),
    joinable: () => false,
    isOver: () => true,
    open: (view, release) => {
      release(true)
      return Promise.reject(view.follows ? asConnectionError(reason) : reason)
    },
    cancelIfUnread: () => {},
    ended,
  }
}

/** An AbortError from another caller's transport would silence the SDK of a caller that shares the call. */
function asConnectionError(reason: unknown): unknown {
  return isAbortError(reason) ? new TypeError('fetch failed', { cause: reason }) : reason
}

/** Never throws, as a foreign reason may where it is looked at. */
export function isAbortError(reason: unknown): boolean {
  try {
    return reason instanceof Error && reason.name === 'AbortError'
  } catch {
    return false
  }
}

/** How one caller wants to see an answer that others may share. */
export type View = {
  stream: boolean
  /** The caller set `stream_options.include_usage`. */
  includeUsage: boolean
  signal: AbortSignal
  /** Set when another caller's transport brings the answer: its errors are shown as connection errors. */
  follows?: true
}

/** Facts a recording has collected about an answer when it ends. */
export type ObservedAnswer = {
  usage: Usage | undefined
  /** True if the usage covers the whole answer and is consistent. */
  whole?: boolean
  /** The service tier that answered. */
  tier?: string | undefined
  /** Texts the model had written, each counted on its own. */
  produced: readonly string[]
  /** Bytes that passed without being kept. A token has at least one byte. */
  unkept: number
}
