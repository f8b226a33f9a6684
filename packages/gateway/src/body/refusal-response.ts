import { randomUUID } from 'node:crypto'
import type { Call } from '../core/call.ts'
import type { Ending, Recording } from '../core/recording.ts'
import { type Refusal, type RefusalCode, STATUS } from '../core/refusal-codes.ts'
import type { Reply } from '../core/reply.ts'
import { UNBILLED } from '../core/usage.ts'
import { withErrorPage } from '../util/error-page.ts'
import { bufferedResponse } from './buffered-response.ts'
import { layeredHeaders } from './layered-headers.ts'

const TYPE: Record<(typeof STATUS)[RefusalCode], string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  413: 'invalid_request_error',
  429: 'rate_limit_error',
  500: 'server_error',
  503: 'server_error',
  504: 'server_error',
}

/** Creates the reply that refuses a call. */
export function refuse({ model, route, outbound }: Call, refusal: Refusal): Reply {
  return {
    via: 'refused',
    model,
    route,
    refusal: refusal.code,
    recording: recordingOf(refusal, outbound.url),
  }
}

const REFUSED: Ending = { type: 'complete', usage: UNBILLED, answer: () => undefined }

function recordingOf(refusal: Refusal, url: string): Recording {
  const { status, headers } = refusalResponse(refusal, url)
  return {
    status,
    headers,
    joinable: () => false,
    isOver: () => true,
    cancelIfUnread: () => {},
    ending: REFUSED,
    ended: Promise.resolve(REFUSED),
    open: async (_view, leave) => {
      leave(false)
      return refusalResponse(refusal, url)
    },
  }
}

/**
 * Creates the Response of a refusal in OpenAI's shape: the SDK raises its typed error with the refusal's `code`. Its
 * message names the page that explains the code. It has `x-should-retry: false`, without which the SDK retries 429 and
 * 5xx.
 */
export function refusalResponse(refusal: Refusal, url: string): Response {
  const status = STATUS[refusal.code]
  const headers = layeredHeaders()
  headers.set('content-type', 'application/json')
  headers.set('x-should-retry', 'false')
  headers.set('x-request-id', randomUUID())
  for (const name in refusal.headers) headers.set(name, refusal.headers[name] ?? '')
  if (refusal.retryAfterMs !== undefined) {
    headers.set('retry-after-ms', String(Math.ceil(refusal.retryAfterMs)))
    headers.set('retry-after', String(Math.ceil(refusal.retryAfterMs / 1_000)))
  }
  const { message, code, param = null } = refusal
  const error = { message: withErrorPage(message, code), type: TYPE[status], param, code }
  const body = JSON.stringify({ error })
  return bufferedResponse(body, headers, { status, statusText: '', url })
}
