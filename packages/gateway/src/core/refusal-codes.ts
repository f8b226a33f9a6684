/** Codes of all refusals by the gateway itself. They are part of the wire format and never change meaning. */
export type RefusalCode =
  | 'gateway_rpm_exceeded'
  | 'gateway_tpm_exceeded'
  | 'gateway_daily_usd_exceeded'
  | 'gateway_queue_full'
  | 'gateway_unknown_key'
  | 'gateway_agent_off'
  | 'gateway_key_not_sealed'
  | 'gateway_custody_unavailable'
  | 'gateway_key_strays'
  | 'gateway_model_not_allowed'
  | 'gateway_cost_unbounded'
  | 'gateway_quota_unavailable'
  | 'gateway_not_cached'
  | 'gateway_pass_through_refused'
  | 'gateway_body_unreadable'
  | 'gateway_body_too_large'
  | 'gateway_fault'

export type Refusal = {
  code: RefusalCode
  message: string
  /** The request field at fault, as OpenAI names it. */
  param?: string
  /** 429 only: milliseconds until a retry can succeed. Absent: a retry never succeeds. */
  retryAfterMs?: number
  headers?: Record<string, string>
}

/** Refusal of a call in which the gateway itself failed. Not retried: the same call would fail the same way. */
export const FAULT: Refusal = {
  code: 'gateway_fault',
  message: 'The gateway failed before it could check this call, and did not send it.',
}

/** The same once the request had been sent: it is never sent twice. */
export const FAULT_AFTER: Refusal = {
  code: 'gateway_fault',
  message: 'The gateway failed after the request was sent. It may have been answered, and billed.',
}

export const STATUS = {
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
