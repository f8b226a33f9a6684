import { randomUUID } from 'node:crypto'
import type { Call } from '../core/call.ts'
import type { Ending, Recording } from '../core/recording.ts'
import type { Refusal, RefusalCode } from '../core/refusal.ts'
import type { Reply } from '../core/reply.ts'
import { UNBILLED } from '../core/usage.ts'
import { bufferedResponse } from './buffered-response.ts'
import { layeredHeaders } from './layered-headers.ts'

const STATUS = {
  gateway_rpm_exceeded: 429,
  gateway_tpm_exceeded: 429,
  gateway_daily_usd_exceeded: 429,
  gateway_queue_full: 429,
  gateway_unknown_key: 401,
  gateway_agent_off: 403,
  gateway_key_not_sealed: 401,
  gateway_custody_unavailable: 503,
  gateway_key_strays: 403,
  gateway_model_not_allowed: 403,
  gateway_cost_unbounded: 403,
  gateway_quota_unavailable: 503,
  gateway_not_cached: 504,
  gateway_pass_through_refused: 403,
  gateway_body_unreadable: 400,
  gateway_body_too_large: 413,
  gateway_fault: 500,
} as const satisfies Record<RefusalCode, number>

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
 * Creates the Response of a refusal in OpenAI's shape: the SDK raises its typed error with the refusal's `code`. It has
 * `x-should-retry: false`, without which the SDK retries 429 and 5xx.
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
  const body = JSON.stringify({ error: { message, type: TYPE[status], param, code } })
  return bufferedResponse(body, headers, { status, statusText: '', url })
}
