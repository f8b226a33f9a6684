import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { TeamPolicy } from '@hotdash/llm-gateway'
import type { Sender } from './authenticate.ts'
import type { Wishes } from './litellm-fields.ts'
import { tidy } from './log.ts'

/** What of a caller's headers concerns the answer. The account to bill is this server's affair, and no caller's. */
const FORWARDED = ['accept', 'openai-beta', 'x-client-request-id']
const CONTROLS = ['agent', 'session', 'user', 'trace', 'tags', 'cache', 'on-limit']

/** The account that pays upstream. No key: it is kept in Redis, and opened with the caller's. */
export type Account = { key: string | undefined; organization?: string; project?: string }

/** A request as it goes to the gateway: this server's key, the caller's team key, and what the call asks of us. */
export function requestHeaders(
  headers: IncomingHttpHeaders,
  { key }: Sender,
  account: Account,
  wishes?: Wishes,
): Record<string, string> {
  const out: Record<string, string> = { 'content-type': 'application/json' }
  if (account.key !== undefined) out.authorization = `Bearer ${account.key}`
  if (account.organization !== undefined) out['openai-organization'] = account.organization
  if (account.project !== undefined) out['openai-project'] = account.project
  for (const name of [...FORWARDED, ...CONTROLS.map((name) => `x-gateway-${name}`)]) {
    const value = headers[name]
    if (typeof value === 'string') out[name] = value
  }
  for (const name of ['agent', 'session', 'trace', 'user'] as const) {
    const wish = wishes?.[name]
    if (wish !== undefined) out[`x-gateway-${name}`] ??= encodeURIComponent(wish.toWellFormed())
  }
  if (wishes !== undefined && wishes.people.length > 0)
    out['x-gateway-also'] = encodeURIComponent(JSON.stringify([...new Set(wishes.people)]))
  if (wishes !== undefined && wishes.tags.length > 0)
    out['x-gateway-tags'] ??= encodeURIComponent(JSON.stringify(wishes.tags).toWellFormed())
  // A key in the wrong header would be a name in logs and records.
  if (tidy(out['x-gateway-agent'] ?? '') !== (out['x-gateway-agent'] ?? '')) delete out['x-gateway-agent']
  if (key !== undefined) out['x-gateway-token'] = encodeURIComponent(key)
  return out
}

/** Of one connection, or of a body that is decoded by now. Cookies are upstream's own business with this server. */
const NOT_RELAYED =
  /^(connection|keep-alive|transfer-encoding|te|trailer|upgrade|proxy-.*|content-encoding|content-length|date|set-cookie|alt-svc|strict-transport-security)$/

/** Longest header that is looked through, in characters; a longer one is not passed on. */
const MAX_HEADER = 16_384

/** What a header may make of a key: as it is, in any case, escaped, or in base64 with or without `Bearer ` before it. */
function quotesOf(key: string | undefined): string[] {
  if (key === undefined || key === '') return []
  const base64 = [key, `Bearer ${key}`, `:${key}`].map((text) => Buffer.from(text).toString('base64'))
  return [key, encodeURIComponent(key), ...base64.map((text) => text.replace(/=+$/, ''))].map((text) =>
    text.toLowerCase(),
  )
}

/** A key kept in Redis is not known here: it shows by its looks. */
const LOOKS_LIKE_A_KEY = /\b(?:sk|pk|rk)-[\w-]{16,}|\bbearer\s+[\w+/=.~-]{16,}/i

function isSecret(line: string, quotes: readonly string[]): boolean {
  const lower = line.toLowerCase()
  return (
    line.length > MAX_HEADER || LOOKS_LIKE_A_KEY.test(line) || quotes.some((each) => lower.includes(each))
  )
}

type About = {
  modelAsked: string | undefined
  team: TeamPolicy | undefined
  wishes: Wishes | undefined
  /** The code of the error, where the answer is one. */
  error: string | undefined
  ms: number
  /** This server's own key, where it has one: no header that quotes it is passed on. */
  key: string | undefined
}

/** The answer's headers, in the gateway's names and in LiteLLM's. */
export function responseHeaders(response: Response, about: About): OutgoingHttpHeaders {
  const out: OutgoingHttpHeaders = {}
  const quotes = quotesOf(about.key)
  for (const [name, value] of response.headers)
    if (!NOT_RELAYED.test(name) && !isSecret(`${name}: ${value}`, quotes)) out[name] = value
  const { ignored = [] } = about.wishes ?? {}
  if (ignored.length > 0) out['x-gateway-ignored'] = ignored.join(', ')
  return { ...out, ...litellmHeaders(response, about) }
}

function litellmHeaders(
  { headers }: Response,
  { modelAsked, team, error: refusal, ms }: About,
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
  put('x-litellm-model-group', modelAsked && encodeURIComponent(modelAsked.toWellFormed()))
  // Its presence is how clients of LiteLLM know a hit.
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
