/**
 * Levels of the gateway's log messages, by code. `warn`: something is wrong or does not act as configured. `info`:
 * something that was reported before works again. Codes are stable; the words after them may change. docs/logs.md
 * describes each.
 */
export const LOG_LEVELS = {
  GW_NO_AGENT: 'warn',
  GW_AGENT_WITHOUT_TEAM: 'warn',
  GW_CONTROL_IGNORED: 'warn',
  GW_CLIENT_NOT_GOVERNED: 'warn',
  GW_MODE_WITHOUT_PROXY: 'warn',
  GW_MODE_WITHOUT_KEY: 'warn',
  GW_POLICY_REJECTED: 'warn',
  GW_FAULT: 'warn',
  GW_PACKAGE_UNUSABLE: 'warn',
  GW_TOKENIZER_FAILED: 'warn',
  GW_PRICES_UNAVAILABLE: 'warn',
  GW_REDIS_UNAVAILABLE: 'warn',
  GW_REDIS_BACK: 'info',
  GW_REDIS_FULL: 'warn',
  GW_SEALED_KEY_INVALID: 'warn',
  GW_PROXY_BYPASSED: 'warn',
  GW_PROXY_FAILOVER: 'warn',
  GW_PROXY_FAILOVER_ENDED: 'info',
  GW_SEMANTIC_UNAVAILABLE: 'warn',
  GW_SEMANTIC_STORE_ERROR: 'warn',
  GW_SEMANTIC_MODEL_NOT_ALLOWED: 'warn',
  GW_LANGFUSE_INCOMPLETE: 'warn',
  GW_SINK_DOWN: 'warn',
  GW_SINK_BACK: 'info',
  GW_SINK_ERROR: 'warn',
  GW_SINK_DROPPED: 'warn',
  GW_SINK_REJECTED: 'warn',
  GW_SINK_CLOSE_FAILED: 'warn',
  GW_SINK_SPILL_FAILED: 'warn',
  GW_SUPABASE_DRAIN_FAILED: 'warn',
  GW_SUPABASE_LIMITS_FAILED: 'warn',
} as const

export type LogCode = keyof typeof LOG_LEVELS

/** Writes one message for operators under a code of `LOG_LEVELS`. Never throws. */
export type Log = (code: LogCode, message: string) => void

/**
 * A `Log` that drops what it wrote a moment ago under the same code and subject.
 * @returns `false` for a message that was dropped.
 */
export type LimitedLog = (code: LogCode, message: string, subject?: string) => boolean
