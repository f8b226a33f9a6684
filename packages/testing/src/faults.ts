/** What can go wrong on the way to OpenAI and back. */
export type Fault =
  /** Waits before it answers. */
  | { type: 'latency'; ms: number }
  /** An error in OpenAI's shape. */
  | {
      type: 'status'
      status: number
      code?: string
      errorType?: string
      message?: string /** Seconds. */
      retryAfter?: number
      headers?: Record<string, string>
    }
  /** The connection is reset: at once, or after the headers. */
  | { type: 'reset'; after?: 'request' | 'headers' }
  /** Nothing comes any more: at once, or after the headers. */
  | { type: 'hang'; after?: 'request' | 'headers' }
  /** The connection breaks after so many chunks of a stream, or in the middle of a whole answer. */
  | { type: 'cut'; afterChunks: number }
  /** The stream ends after so many chunks, cleanly, without its last event. */
  | { type: 'end'; afterChunks: number }
  /** An error event in mid-stream. */
  | { type: 'error-event'; afterChunks: number; message?: string }
  /** A chunk that is not JSON. */
  | { type: 'malformed'; afterChunks: number }
  /** Each chunk waits. */
  | { type: 'slow'; chunkDelayMs: number }
  /** The stream comes in pieces of so many bytes, wherever that cuts it. */
  | { type: 'split'; bytes: number }
  /** The right body under the wrong content type; `null`: under none. */
  | { type: 'content-type'; value: string | null }

const KINDS: Record<number, { type: string; code: string | null; message: string }> = {
  400: { type: 'invalid_request_error', code: null, message: 'The request is not valid.' },
  401: { type: 'invalid_request_error', code: 'invalid_api_key', message: 'Incorrect API key provided.' },
  403: { type: 'invalid_request_error', code: null, message: 'You are not allowed to do this.' },
  404: { type: 'invalid_request_error', code: null, message: 'Not found.' },
  408: { type: 'server_error', code: null, message: 'The request timed out.' },
  409: { type: 'server_error', code: null, message: 'The resource is locked.' },
  429: { type: 'requests', code: 'rate_limit_exceeded', message: 'Rate limit reached for requests.' },
  500: {
    type: 'server_error',
    code: null,
    message: 'The server had an error while processing your request.',
  },
  503: { type: 'service_unavailable_error', code: null, message: 'The engine is currently overloaded.' },
}

type StatusFault = Omit<Extract<Fault, { type: 'status' }>, 'type'>

export function errorBody({ status, code, errorType, message }: StatusFault) {
  const known = KINDS[status] ?? { type: 'server_error', code: null, message: `Error ${status}.` }
  const error = {
    message: message ?? known.message,
    type: errorType ?? known.type,
    param: null,
    code: code ?? known.code,
  }
  return { error }
}
