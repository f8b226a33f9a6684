/** An error in OpenAI's shape. What is not given follows from the status, or from a known `code`. */
export type StatusFault = {
  type: 'status'
  status: number
  /** `insufficient_quota` and `context_length_exceeded`, for example, bring their own type and message. */
  code?: string
  errorType?: string
  message?: string
  param?: string
  /** Seconds, for `retry-after`. */
  retryAfter?: number
  headers?: Record<string, string>
}

/** What can go wrong on the way to OpenAI and back. */
export type Fault =
  /** Waits before it answers. */
  | { type: 'latency'; ms: number }
  | StatusFault
  /**
   * The connection is reset: before any byte of the answer (`accept` and `request` are the same), or after the headers.
   * @default 'accept'
   */
  | { type: 'reset'; after?: 'accept' | 'request' | 'headers' }
  /** Nothing comes any more: not a byte; or no more than the headers and the first of the body. @default 'accept' */
  | { type: 'hang'; after?: 'accept' | 'request' | 'headers' }
  /** The connection breaks after so many chunks of a stream, or in the middle of a whole answer. */
  | { type: 'cut'; afterChunks: number }
  /** The stream ends after so many chunks, cleanly, without its last event. */
  | { type: 'end'; afterChunks: number }
  /** An error event in mid-stream, as the endpoint has it, and then a clean end. */
  | { type: 'error-event'; afterChunks: number; message?: string }
  /** A chunk that is not JSON, and then a clean end. `malformed` is the same. */
  | { type: 'malformed-sse' | 'malformed'; afterChunks: number }
  /** Each chunk waits. */
  | { type: 'slow'; chunkDelayMs: number }
  /** The stream comes in pieces of so many bytes, wherever that cuts it. */
  | { type: 'split'; bytes: number }
  /** The right body under the wrong content type; `null`: under none; `text/html`: a proxy's page in its place. */
  | { type: 'content-type'; value: string | null; body?: string }
