/** An error in OpenAI's shape. Fields left out follow from the status, or from a known `code`. */
export type StatusFault = {
  type: 'status'
  status: number
  /** A known code, e.g. `insufficient_quota` or `context_length_exceeded`, sets type and message. */
  code?: string
  errorType?: string
  message?: string
  param?: string
  /** Seconds, sent as `retry-after`. */
  retryAfter?: number
  headers?: Record<string, string>
}

/** A fault of OpenAI or of the connection to it. `afterChunks`: number of chunks sent before it. */
export type Fault =
  /** Waits `ms` milliseconds before the answer. */
  | { type: 'latency'; ms: number }
  | StatusFault
  /**
   * Resets the connection: before any byte of the answer (`accept` and `request` are the same), or after the headers.
   * @default 'accept'
   */
  | { type: 'reset'; after?: 'accept' | 'request' | 'headers' }
  /** Sends nothing, or only the headers and the first chunk or half of the body. @default 'accept' */
  | { type: 'hang'; after?: 'accept' | 'request' | 'headers' }
  /** Breaks the connection after `afterChunks` chunks of a stream, or in the middle of a whole answer. */
  | { type: 'cut'; afterChunks: number }
  /** Ends the stream cleanly after `afterChunks` chunks, without its last event. */
  | { type: 'end'; afterChunks: number }
  /** Sends an error event in the endpoint's form, then ends the stream cleanly. */
  | { type: 'error-event'; afterChunks: number; message?: string }
  /** Sends a chunk that is not JSON, then ends the stream cleanly. `malformed` is the same. */
  | { type: 'malformed-sse' | 'malformed'; afterChunks: number }
  /** Waits `chunkDelayMs` milliseconds after each chunk. */
  | { type: 'slow'; chunkDelayMs: number }
  /** Sends the stream in pieces of `bytes` bytes, regardless of events and characters. */
  | { type: 'split'; bytes: number }
  /** Sends another content type; `null`: none; `text/html`: with a proxy's error page in place of the body. */
  | { type: 'content-type'; value: string | null; body?: string }
