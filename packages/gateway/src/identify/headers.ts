import type { CacheControl, GatewayContext } from './context.ts'

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
export function gatewayOptions(options: CallOptions): { headers: Record<string, string> } {
  const headers: Record<string, string> = {}
  const put = (name: (typeof NAMES)[number], value: string | undefined) => {
    // Header values are Latin-1 at best; names of people and places are not.
    if (value !== undefined) headers[name] = encodeURIComponent(value)
  }
  put('x-gateway-agent', options.agent)
  put('x-gateway-session', options.session)
  put('x-gateway-user', options.user)
  put('x-gateway-trace', options.trace)
  put('x-gateway-tags', options.tags && JSON.stringify(options.tags))
  put('x-gateway-cache', options.cache === undefined ? undefined : JSON.stringify(options.cache))
  put('x-gateway-on-limit', options.onLimit)
  put('x-gateway-token', options.key)
  return { headers }
}

export const hasGatewayHeaders = (headers: Headers): boolean => NAMES.some((name) => headers.has(name))

/** A copy without them: a caller's headers are never changed under its hands. */
export function withoutGatewayHeaders(headers: Headers): Headers {
  const clean = new Headers(headers)
  for (const name of NAMES) clean.delete(name)
  return clean
}

export function readHeaders(headers: Headers): CallOptions {
  const options: CallOptions = {}
  const agent = read(headers, 'x-gateway-agent')
  if (agent !== undefined) options.agent = agent
  const session = read(headers, 'x-gateway-session')
  if (session !== undefined) options.session = session
  const user = read(headers, 'x-gateway-user')
  if (user !== undefined) options.user = user
  const trace = read(headers, 'x-gateway-trace')
  if (trace !== undefined) options.trace = trace
  const key = read(headers, 'x-gateway-token')
  if (key !== undefined) options.key = key
  const tags = read(headers, 'x-gateway-tags')
  if (tags !== undefined) options.tags = parseTags(tags)
  const cache = read(headers, 'x-gateway-cache')
  if (cache !== undefined) options.cache = parseCache(cache)
  const onLimit = read(headers, 'x-gateway-on-limit')
  if (onLimit === 'reject' || onLimit === 'wait') options.onLimit = onLimit
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
function parseTags(text: string): string[] {
  const json = tryJson(text)
  const list = Array.isArray(json) ? json : text.split(',')
  return list.map((tag) => String(tag).trim()).filter((tag) => tag !== '')
}

/** JSON from `gatewayOptions`, or by hand in the manner of Cache-Control: `no-store, max-age=60`. */
function parseCache(text: string): CacheControl {
  const json = tryJson(text)
  if (json === false) return false
  if (typeof json === 'object' && json !== null) return json
  const cache: Exclude<CacheControl, false> = {}
  for (const part of text.toLowerCase().split(',')) {
    const [name = '', value] = part.trim().split('=')
    if (name === 'no-cache') cache.noCache = true
    else if (name === 'no-store') cache.noStore = true
    else if (name === 'only-if-cached') cache.onlyIfCached = true
    else if (name === 'exact-only') cache.semantic = false
    else if (name === 'max-age' || name === 's-maxage') cache.maxAge = Number(value)
    else if (name === 'ttl') cache.ttl = Number(value)
  }
  return cache
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
