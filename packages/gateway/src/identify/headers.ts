import type { GatewayContext } from '../core/context.ts'
import type { Complain } from '../core/controls.ts'
import { type Checked, checkedControls } from './schema.ts'

/** All headers that the gateway reads. They are removed before the request leaves this process. */
const NAMES = [
  'x-gateway-agent',
  'x-gateway-session',
  'x-gateway-user',
  'x-gateway-also',
  'x-gateway-trace',
  'x-gateway-tags',
  'x-gateway-cache',
  'x-gateway-on-limit',
  'x-gateway-token',
] as const

/** Controls of one call, and the team key if the call brings its own. */
export type CallOptions = GatewayContext & {
  /** A team key other than the client's. Sent as `x-gateway-token`, which the SDK's debug log omits. */
  key?: string
}

/**
 * Builds the second argument of `create()` for one call with its own controls.
 * @example client.chat.completions.create(body, gatewayOptions({ session: 'T-1', cache: { noStore: true } }))
 */
export function gatewayOptions(given: CallOptions): { headers: Record<string, string> } {
  const headers: Record<string, string> = {}
  const put = (name: (typeof NAMES)[number], value: string | undefined) => {
    // Header values are Latin-1 at best; names of people and places are not.
    if (value !== undefined) headers[name] = encodeURIComponent(value.toWellFormed())
  }
  const malformed = new Set<string>()
  const options = checkedControls(given, (field) => malformed.add(field))
  // An invalid name is sent as an empty one, which the reader reports as malformed, too.
  for (const field of ['agent', 'session', 'user', 'trace'] as const)
    put(`x-gateway-${field}`, malformed.has(field) ? '' : headerName(field, options[field]))
  put('x-gateway-tags', options.tags && JSON.stringify(options.tags))
  const isCacheMalformed = [...malformed].some((field) => /^cache\b/.test(field))
  if (isCacheMalformed) put('x-gateway-cache', MALFORMED)
  else put('x-gateway-cache', options.cache === undefined ? undefined : JSON.stringify(options.cache))
  put('x-gateway-on-limit', options.onLimit)
  put('x-gateway-token', keyIn(given))
  return { headers }
}

/** A cache control that was malformed where it was given: its reader reports it, and bypasses the cache. */
const MALFORMED = 'malformed'

/** Rejects lone surrogates: two different names would be equal once encoded. */
const headerName = (field: string, name: string | undefined) =>
  (field === 'user' || field === 'session') && name?.isWellFormed() === false ? '' : name

/** A key is never ignored: a malformed one counts as a key that no policy lists. */
function keyIn(given: CallOptions | null | undefined): string | undefined {
  let key: unknown
  try {
    key = given?.key
  } catch {
    return ''
  }
  if (key === undefined || key === null) return undefined
  return typeof key === 'string' || typeof key === 'number' ? `${key}` : ''
}

/** Prefix of control headers. No header with it leaves this process, known or not. */
const PREFIX = 'x-gateway-'

export function hasGatewayHeaders(headers: Headers): boolean {
  let found = false
  // An iterator of names takes several times as long.
  headers.forEach((_value, name) => {
    found ||= name.startsWith(PREFIX)
  })
  return found
}

/** Returns a copy without control headers; the caller's own headers are never changed. */
export function withoutGatewayHeaders(headers: Headers): Headers {
  const clean = new Headers(headers)
  for (const name of [...clean.keys()]) if (name.startsWith(PREFIX)) clean.delete(name)
  return clean
}

/** Reads the controls in a request's headers. Ignores malformed ones and reports their names to `complain`. */
export function readHeaders(headers: Headers, complain: Complain): HeaderOptions {
  const given: Record<string, unknown> = {}
  for (const field of ['agent', 'session', 'user', 'trace'] as const)
    given[field] = read(headers, `x-gateway-${field}`)
  const tags = read(headers, 'x-gateway-tags')
  if (tags !== undefined) given.tags = parseTags(tags)
  const cache = read(headers, 'x-gateway-cache')
  if (cache !== undefined) given.cache = cache
  given.onLimit = read(headers, 'x-gateway-on-limit')
  const options: HeaderOptions = checkedControls(given, (field) =>
    complain(`x-gateway-${field === 'onLimit' ? 'on-limit' : field}`),
  )
  const key = read(headers, 'x-gateway-token')
  // A key is never ignored: a call with a wrong one must not run under the client's own.
  if (key !== undefined) options.key = key
  readAlso(headers, options)
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

/** Options read from the headers of one call. */
export type HeaderOptions = Checked & Pick<CallOptions, 'key'>

/** Reads further names of user and session: the standalone server may receive several. */
function readAlso(headers: Headers, options: HeaderOptions): void {
  for (const name of ['x-gateway-user', 'x-gateway-session'])
    if (isUndecodable(headers.get(name))) options.unusable = true
  const text = read(headers, 'x-gateway-also')
  if (text === undefined) return
  const names = tryJson(text)
  const also = Array.isArray(names) ? names.filter((name) => typeof name === 'string' && name !== '') : []
  if (also.length > 0) options.also = also
  if (!Array.isArray(names) || also.length < names.length) options.unusable = true
}

/** Such a value would equal another name in encoded form. */
function isUndecodable(value: string | null): boolean {
  if (value === null || !value.includes('%')) return false
  try {
    decodeURIComponent(value)
    return false
  } catch {
    return true
  }
}

/** Parses JSON from `gatewayOptions`, or a list written by hand: `a, b`. */
function parseTags(text: string): unknown[] {
  const json = tryJson(text)
  return Array.isArray(json) ? json : text.split(',')
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
