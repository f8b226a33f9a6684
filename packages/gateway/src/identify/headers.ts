import type { CacheControl, GatewayContext } from './context.ts'
import { type Complain, checkedControls } from './schema.ts'

/** Everything we read from a request's headers; all of it is taken out before the request leaves this process. */
const NAMES = [
  'x-gateway-agent',
  'x-gateway-session',
  'x-gateway-user',
  'x-gateway-trace',
  'x-gateway-tags',
  'x-gateway-cache',
  'x-gateway-on-limit',
  'x-gateway-token',
] as const

/** Controls of one call, and the team key if the call brings its own. */
export type CallOptions = GatewayContext & {
  /** A team key other than the client's. Travels as `x-gateway-token`, which the SDK's debug log leaves out. */
  key?: string
}

/**
 * The second argument of `create()` for one call with its own controls.
 *
 * @example
 * client.chat.completions.create(body, gatewayOptions({ session: 'T-1', cache: { noStore: true } }))
 */
export function gatewayOptions(given: CallOptions): { headers: Record<string, string> } {
  const headers: Record<string, string> = {}
  const put = (name: (typeof NAMES)[number], value: string | undefined) => {
    // Header values are Latin-1 at best; names of people and places are not.
    if (value !== undefined) headers[name] = encodeURIComponent(value.toWellFormed())
  }
  const options = checkedControls(given, () => undefined)
  put('x-gateway-agent', options.agent)
  put('x-gateway-session', options.session)
  put('x-gateway-user', options.user)
  put('x-gateway-trace', options.trace)
  put('x-gateway-tags', options.tags && JSON.stringify(options.tags))
  put('x-gateway-cache', options.cache === undefined ? undefined : JSON.stringify(options.cache))
  put('x-gateway-on-limit', options.onLimit)
  put('x-gateway-token', keyOf(given))
  return { headers }
}

function keyOf(given: CallOptions | null | undefined): string | undefined {
  try {
    return typeof given?.key === 'string' ? given.key : undefined
  } catch {
    return undefined
  }
}

/** Controls of a call in its headers begin so. None of them leaves this process, whether it is known or not. */
const PREFIX = 'x-gateway-'

export function hasGatewayHeaders(headers: Headers): boolean {
  for (const name of headers.keys()) if (name.startsWith(PREFIX)) return true
  return false
}

/** A copy without them: a caller's headers are never changed under its hands. */
export function withoutGatewayHeaders(headers: Headers): Headers {
  const clean = new Headers(headers)
  for (const name of [...clean.keys()]) if (name.startsWith(PREFIX)) clean.delete(name)
  return clean
}

/** Reads the controls in a request's headers. Malformed ones are ignored, and `complain` is told their names. */
export function readHeaders(headers: Headers, complain: Complain): CallOptions {
  const given: Record<string, unknown> = {}
  for (const field of ['agent', 'session', 'user', 'trace'] as const)
    given[field] = read(headers, `x-gateway-${field}`)
  const tags = read(headers, 'x-gateway-tags')
  if (tags !== undefined) given.tags = parseTags(tags)
  const cache = read(headers, 'x-gateway-cache')
  if (cache !== undefined) given.cache = parseCache(cache)
  given.onLimit = read(headers, 'x-gateway-on-limit')
  const options: CallOptions = checkedControls(given, (field) =>
    complain(`x-gateway-${field === 'onLimit' ? 'on-limit' : field}`),
  )
  const key = read(headers, 'x-gateway-token')
  // A key is never ignored: a call that shows a wrong one must not run under the client's own.
  if (key !== undefined && key !== '') options.key = key
  return options
}

function read(headers: Headers, name: (typeof NAMES)[number]): string | undefined {
  const value = headers.get(name)
  if (value === null) return undefined
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

/** JSON from `gatewayOptions`, or by hand: `a, b`. */
function parseTags(text: string): unknown[] {
  const json = tryJson(text)
  return Array.isArray(json) ? json : text.split(',')
}

/** JSON from `gatewayOptions`, or by hand in the manner of Cache-Control: `no-store, max-age=60`. */
function parseCache(text: string): unknown {
  const json = tryJson(text)
  if (json === false || (typeof json === 'object' && json !== null)) return json
  const cache: Exclude<CacheControl, false> = {}
  for (const part of text.toLowerCase().split(',')) {
    const [name = '', value] = part.trim().split('=')
    if (name === 'no-cache') cache.noCache = true
    else if (name === 'no-store') cache.noStore = true
    else if (name === 'only-if-cached') cache.onlyIfCached = true
    else if (name === 'exact-only') cache.semantic = false
    else if (name === 'max-age' || name === 's-maxage') cache.maxAge = secondsOf(value)
    else if (name === 'ttl') cache.ttl = secondsOf(value)
  }
  return cache
}

const secondsOf = (text: string | undefined) => (text === undefined ? Number.NaN : Number(text))

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
