import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { TeamPolicy } from '@hotdash/llm-gateway'
import type { Principal } from './authenticate.ts'
import type { RequestControls } from './litellm-fields.ts'
import { redact } from './log.ts'

/** Caller's headers that affect the answer. Those that select the account to bill are never forwarded. */
const FORWARDED_HEADERS = ['accept', 'openai-beta', 'x-client-request-id']
const GATEWAY_CONTROLS = ['agent', 'session', 'user', 'trace', 'tags', 'cache', 'on-limit']

/** The account billed upstream. `key` is undefined where it is sealed in Redis and opened with the caller's team key. */
export type UpstreamAccount = { key: string | undefined; organization?: string; project?: string }

/** Returns the headers of the request to `gateway.fetch`: this server's key, the caller's team key and its controls. */
export function requestHeaders(
  headers: IncomingHttpHeaders,
  { key }: Principal,
  account: UpstreamAccount,
  controls?: RequestControls,
): Record<string, string> {
  const out: Record<string, string> = { 'content-type': 'application/json' }
  if (account.key !== undefined) out.authorization = `Bearer ${account.key}`
  if (account.organization !== undefined) out['openai-organization'] = account.organization
  if (account.project !== undefined) out['openai-project'] = account.project
  for (const name of [...FORWARDED_HEADERS, ...GATEWAY_CONTROLS.map((name) => `x-gateway-${name}`)]) {
    const value = headers[name]
    if (typeof value === 'string') out[name] = value
  }
  for (const name of ['agent', 'session', 'trace', 'user'] as const) {
    const value = controls?.[name]
    if (value !== undefined) out[`x-gateway-${name}`] ??= encodeURIComponent(value.toWellFormed())
  }
  if (controls !== undefined && controls.userIdentifiers.length > 0)
    out['x-gateway-also'] = encodeURIComponent(JSON.stringify([...new Set(controls.userIdentifiers)]))
  if (controls !== undefined && controls.tags.length > 0)
    out['x-gateway-tags'] ??= encodeURIComponent(JSON.stringify(controls.tags).toWellFormed())
  // An agent's name that looks like a key is one in the wrong header: as a name it would reach logs and records.
  if (redact(out['x-gateway-agent'] ?? '') !== (out['x-gateway-agent'] ?? '')) delete out['x-gateway-agent']
  if (key !== undefined) out['x-gateway-token'] = encodeURIComponent(key)
  return out
}

/** Headers not relayed: hop-by-hop ones, those of the encoded body, and cookies, which concern this server only. */
const NOT_RELAYED =
  /^(connection|keep-alive|transfer-encoding|te|trailer|upgrade|proxy-.*|content-encoding|content-length|date|set-cookie|alt-svc|strict-transport-security)$/

/** A header longer than this many characters is not searched for keys, and not relayed. */
const MAX_HEADER_CHARS = 16_384

/** Returns the forms in which a header may quote a key, in lower case: plain, percent-encoded, base64 with any prefix. */
function keyEncodings(key: string | undefined): string[] {
  if (key === undefined || key === '') return []
  const base64 = [key, `Bearer ${key}`, `:${key}`].map((text) => Buffer.from(text).toString('base64'))
  return [key, encodeURIComponent(key), ...base64.map((text) => text.replace(/=+$/, ''))].map((text) =>
    text.toLowerCase(),
  )
}

/** Matches keys by their form: a key sealed in Redis is unknown to this function. */
const KEY_PATTERN = /\b(?:sk|pk|rk)-[\w-]{16,}|\bbearer\s+[\w+/=.~-]{16,}/i

function containsKey(line: string, quotes: readonly string[]): boolean {
  const lower = line.toLowerCase()
  return (
    line.length > MAX_HEADER_CHARS || KEY_PATTERN.test(line) || quotes.some((each) => lower.includes(each))
  )
}

type ResponseContext = {
  /** Model named by the request. */
  requestedModel: string | undefined
  team: TeamPolicy | undefined
  controls: RequestControls | undefined
  /** Code of the error. Absent where the answer is no error. */
  error: string | undefined
  /** Milliseconds since the request arrived. */
  ms: number
  /** This server's upstream key, if any: a header that quotes it is not relayed. */
  key: string | undefined
}

/** Returns the headers of the answer, under the gateway's names and under LiteLLM's. */
export function responseHeaders(response: Response, about: ResponseContext): OutgoingHttpHeaders {
  const out: OutgoingHttpHeaders = {}
  const quotes = keyEncodings(about.key)
  for (const [name, value] of response.headers)
    if (!NOT_RELAYED.test(name) && !containsKey(`${name}: ${value}`, quotes)) out[name] = value
  const { ignored = [] } = about.controls ?? {}
  if (ignored.length > 0) out['x-gateway-ignored'] = ignored.join(', ')
  return { ...out, ...litellmHeaders(response, about) }
}

function litellmHeaders(
  { headers }: Response,
  { requestedModel, team, error: refusal, ms }: ResponseContext,
): OutgoingHttpHeaders {
  const out: OutgoingHttpHeaders = {}
  const put = (name: string, value: string | number | null | undefined) => {
    if (value !== null && value !== undefined) out[name] = String(value)
  }
  const cache = headers.get('x-gateway-cache')
  if (cache === null) return out
  const route = headers.get('x-gateway-route')
  put('x-litellm-call-id', headers.get('x-gateway-call-id'))
  put('x-litellm-model-id', headers.get('x-gateway-model'))
  put('x-litellm-model-group', requestedModel && encodeURIComponent(requestedModel.toWellFormed()))
  // Clients of LiteLLM detect a cache hit by the presence of this header.
  put('x-litellm-cache-key', headers.get('x-gateway-cache-key'))
  put('x-litellm-semantic-similarity', headers.get('x-gateway-similarity'))
  put('x-litellm-response-cost', headers.get('x-gateway-cost-usd'))
  put('x-litellm-response-duration-ms', Math.round(ms))
  put('x-litellm-attempted-retries', 0)
  put('x-litellm-attempted-fallbacks', route === 'failover' || route === 'escalated' ? 1 : 0)
  for (const [kind, limit, name] of [
    ['requests', team?.rpm, 'rpm'],
    ['tokens', team?.tpm, 'tpm'],
  ] as const) {
    if (limit === undefined) continue
    put(`x-litellm-key-${name}-limit`, limit)
    put(`x-ratelimit-api_key-limit-${kind}`, headers.get(`x-ratelimit-limit-${kind}`))
    put(`x-ratelimit-api_key-remaining-${kind}`, headers.get(`x-ratelimit-remaining-${kind}`))
  }
  if (refusal === 'gateway_rpm_exceeded') put('rate_limit_type', 'requests')
  if (refusal === 'gateway_tpm_exceeded') put('rate_limit_type', 'tokens')
  return out
}
