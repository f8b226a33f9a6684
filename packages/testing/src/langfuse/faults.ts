import type { ServerResponse } from 'node:http'
import { breakOff, gone, wait } from '../openai/deliver.ts'

/** What was seen to go wrong between a client and a Langfuse. Meets what is sent to it; `path` names other requests. */
export type LangfuseFault = (
  | {
      /** 207, and so many events of each batch are not stored. A collector's `partialSuccess` where spans are sent. */
      type: 'some-rejected'
      /** @default 1 */
      count?: number
      /** 400: never to be taken; 500: the server's trouble. @default 400 */
      status?: 400 | 500
      /** Only events of this type, such as `generation-create`. @default all but scores */
      eventType?: string
    }
  /** 207, and nothing is stored: what 4.16.0 does to a client of the older format. 400 where spans are sent. */
  | { type: 'all-rejected' }
  /** 413 in plain text. */
  | { type: 'too-large' }
  /** 502 with a proxy's page. */
  | { type: 'bad-gateway' }
  /** 401 as JSON, whatever the keys. */
  | { type: 'unauthorized' }
  /** 429 with `retry-after`. */
  | { type: 'rate-limited'; retryAfterSeconds?: number }
  /** 500 as JSON. */
  | { type: 'server-error' }
  /** Nothing comes any more. */
  | { type: 'hang' }
  /** Stores, and answers only after so many milliseconds. */
  | { type: 'slow'; ms: number }
  /**
   * Needs so many milliseconds for each event or span, of all requests together, stores each as it comes to it, and goes on
   * when the client has left. A real 2.95.12 needs 14 ms on a core of its own, 56 on a quarter of one.
   */
  | { type: 'busy'; msPerEvent: number }
  /** The connection is reset; nothing was stored. */
  | { type: 'reset' }
  /** The connection is reset after everything was stored: the client cannot know. */
  | { type: 'reset-after-storing' }
) & {
  /** Only requests of this path, `/api/public/health` among them. @default everything but GET */
  path?: string
}

/** The answer a fault gives in place of the server's own; false where the server goes on. */
export async function answeredByFault(res: ServerResponse, fault: LangfuseFault): Promise<boolean> {
  if (fault.type === 'slow') await wait(fault.ms)
  if (fault.type === 'hang') await gone(res)
  else if (fault.type === 'reset') breakOff(res, 'reset')
  else if (fault.type === 'too-large') send(res, 413, undefined, 'Body exceeded 4.5mb limit')
  else if (fault.type === 'bad-gateway') send(res, 502, 'text/html', GATEWAY_PAGE)
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

const GATEWAY_PAGE =
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
