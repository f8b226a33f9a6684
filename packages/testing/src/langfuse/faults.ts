import type { ServerResponse } from 'node:http'
import { breakConnection, pause, whenClosed } from '../core/connection.ts'

/** A fault of Langfuse or of the connection to it. It affects data sent to it; `path` selects other requests. */
export type LangfuseFault = (
  | {
      /** Answers 207 and rejects `count` events of each batch; for spans, a collector's `partialSuccess`. */
      type: 'some-rejected'
      /** @default 1 */
      count?: number
      /** Status of each event. 400: invalid; 500: a fault of the server. @default 400 */
      status?: 400 | 500
      /** Rejects only events of this type, e.g. `generation-create`. @default all but scores */
      eventType?: string
    }
  /** Answers 207 and stores nothing, as 4.16.0 does for clients of the older format; 400 for spans. */
  | { type: 'all-rejected' }
  /** Answers 413 in plain text. */
  | { type: 'too-large' }
  /** Answers 502 with a proxy's error page. */
  | { type: 'bad-gateway' }
  /** Answers 401 as JSON, also to valid keys. */
  | { type: 'unauthorized' }
  /** Answers 429 with `retry-after`. @default 1 second */
  | { type: 'rate-limited'; retryAfterSeconds?: number }
  /** Answers 500 as JSON. */
  | { type: 'server-error' }
  /** Never answers. */
  | { type: 'hang' }
  /** Waits `ms` milliseconds before it stores and answers. */
  | { type: 'slow'; ms: number }
  /**
   * Processes one event or span after the other, for all requests together, in `msPerEvent` milliseconds each, also after
   * the client has disconnected. Measured on a real 2.95.12: 14 ms on one core, 56 ms on a quarter of one.
   */
  | { type: 'busy'; msPerEvent: number }
  /** Resets the connection and stores nothing. */
  | { type: 'reset' }
  /** Resets the connection after everything was stored, which the client cannot know. */
  | { type: 'reset-after-storing' }
) & {
  /** Affects only requests of this path, e.g. `/api/public/health`. @default all but GET requests */
  path?: string
}

/** Applies a fault. Resolves with `true` where it has answered in place of the server, `false` where the server goes on. */
export async function applyFault(res: ServerResponse, fault: LangfuseFault): Promise<boolean> {
  if (fault.type === 'slow') await pause(fault.ms)
  if (fault.type === 'hang') await whenClosed(res)
  else if (fault.type === 'reset') breakConnection(res, 'reset')
  else if (fault.type === 'too-large') send(res, 413, undefined, 'Body exceeded 4.5mb limit')
  else if (fault.type === 'bad-gateway') send(res, 502, 'text/html', BAD_GATEWAY_PAGE)
  else if (fault.type === 'unauthorized') sendJson(res, 401, UNAUTHORIZED)
  else if (fault.type === 'server-error') sendJson(res, 500, SERVER_ERROR)
  else if (fault.type === 'rate-limited') {
    res.setHeader('retry-after', String(fault.retryAfterSeconds ?? 1))
    res.setHeader('x-ratelimit-remaining', '0')
    sendJson(res, 429, { message: 'Rate limit exceeded', code: 'rate_limited' })
  } else return false
  return true
}

export const UNAUTHORIZED = {
  error: 'UnauthorizedError',
  message: "Invalid credentials. Confirm that you've configured the correct host.",
}

const SERVER_ERROR = { message: 'Internal Server Error', error: 'An unknown error occurred' }

const BAD_GATEWAY_PAGE =
  '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n'

export const sendJson = (res: ServerResponse, status: number, body: unknown): void =>
  send(res, status, 'application/json; charset=utf-8', JSON.stringify(body))

export function send(res: ServerResponse, status: number, type: string | undefined, body: string): void {
  if (res.destroyed) return
  res.writeHead(status, {
    ...(type === undefined ? {} : { 'content-type': type }),
    'content-length': Buffer.byteLength(body),
  })
  res.end(body)
}
