import { type JsonObject, object, text } from '../core/json.ts'
import type { Refusal, RefusalCode } from '../core/refusal-codes.ts'

/**
 * LiteLLM's window is a minute from a key's first request. Its `retry-after` always says 60, never the rest of the
 * window.
 */
const WINDOW_MS = 60_000

/**
 * Maps a refusal of the proxy itself to the gateway's codes; `undefined`: the answer is upstream's. Matches type and
 * message, since one error has had several statuses (a budget 400 and 429, a model 401 and 403). Source: LiteLLM 1.81
 * to 1.111, `ProxyErrorTypes`, `parallel_request_limiter_v3`; 1.102.4 measured.
 */
export function refusalFrom(status: number, headers: Headers, body: JsonObject): Refusal | undefined {
  const error = object(body.error)
  const message = text(error.message)
  const type = text(error.type)
  if (isFromProvider(message)) return undefined
  const limited = limitOf(status, headers, message)
  if (limited !== undefined) return limited
  if (type === 'budget_exceeded' || /^(ExceededBudget|Budget has been exceeded)/.test(message))
    return refusalOf('gateway_daily_usd_exceeded', message, { 'x-gateway-limit': 'daily_usd' })
  if (/_model_access_denied$/.test(type) || /Invalid model name passed in/.test(message))
    return { ...refusalOf('gateway_model_not_allowed', message), param: 'model' }
  if (status === 401) return refusalOf('gateway_unknown_key', message)
  return undefined
}

/** LiteLLM prefixes a provider's message with its own class name. */
const isFromProvider = (message: string) => /^litellm\.\w+/.test(message)

const LIMITS: Record<string, [RefusalCode, string]> = {
  requests: ['gateway_rpm_exceeded', 'rpm'],
  tokens: ['gateway_tpm_exceeded', 'tpm'],
  max_parallel_requests: ['gateway_queue_full', 'parallel'],
}

function limitOf(status: number, headers: Headers, message: string): Refusal | undefined {
  if (status !== 429) return undefined
  const kind = headers.get('rate_limit_type') ?? /Limit type: (\w+)/.exec(message)?.[1]
  const [code, limit] = (kind !== null && kind !== undefined && LIMITS[kind]) || []
  if (code === undefined || limit === undefined) return undefined
  return { ...refusalOf(code, message, { 'x-gateway-limit': limit }), retryAfterMs: WINDOW_MS }
}

/** Messages name keys by their hashes, which mean nothing to a reader. */
const refusalOf = (code: RefusalCode, message: string, headers: Record<string, string> = {}): Refusal => ({
  code,
  message: `LiteLLM: ${message.replaceAll(/\b[0-9a-f]{64}\b/g, 'of this team')}`,
  headers,
})

/** Restores OpenAI's codes and types, which LiteLLM replaces by the status and by its own. */
export function asOpenAI(status: number, body: JsonObject): JsonObject {
  const error = object(body.error)
  const message = text(error.message)
  const known = KNOWN.find(([pattern]) => pattern.test(message))
  const code = text(error.code)
  return {
    ...body,
    error: {
      ...error,
      code: known?.[1] ?? (/^\d*$/.test(code) ? null : code),
      type: known?.[2] ?? TYPES[status] ?? error.type ?? null,
    },
  }
}

const KNOWN: [RegExp, code: string, type: string][] = [
  [/exceeded your current quota/, 'insufficient_quota', 'insufficient_quota'],
  [/context window|maximum context length/, 'context_length_exceeded', 'invalid_request_error'],
  [/Incorrect API key provided/, 'invalid_api_key', 'invalid_request_error'],
  [/Rate limit reached/, 'rate_limit_exceeded', 'requests'],
]

const TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'invalid_request_error',
  403: 'invalid_request_error',
  404: 'invalid_request_error',
  429: 'requests',
  500: 'server_error',
  503: 'service_unavailable_error',
}
