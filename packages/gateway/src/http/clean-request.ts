import { isMarked } from '../core/call-state.ts'
import { hasGatewayHeaders, withoutGatewayHeaders } from '../identify/headers.ts'
import { createCanonicalUrl } from '../operations/canonical-url.ts'

type Input = Parameters<typeof fetch>[0]

/** Arguments of one `fetch` without the gateway's headers: `input` and `init` can be sent as they are. */
export type CleanRequest = {
  input: Input
  init: RequestInit | undefined
  /** The address that `fetch` makes of `input`. */
  url: string
  /** In upper case. */
  method: string
  /** Headers of `init`, else of `input`; never one of the gateway's. */
  headers: Headers
  /** `input`, if it is a Request. */
  request: Request | undefined
  signal: AbortSignal | undefined
  /** Headers as they were given. Absent if none of them is the gateway's. */
  gatewayHeaders: Headers | undefined
}

/**
 * Takes the gateway's headers out of a request before anything else reads it: after a fault anywhere else none of them,
 * hence no team key, can leave the process. As with `fetch`, the request is what its arguments are at this moment: later
 * changes of the program's objects do not reach it.
 * @throws what `fetch` throws for the same arguments.
 */
export function cleanRequest(input: Input, given: RequestInit | undefined): CleanRequest {
  const request = isRequest(input) ? input : undefined
  const isOwn = isMarked(given)
  const givenHeaders = given?.headers ?? request?.headers
  const headers = isOwn && givenHeaders instanceof Headers ? givenHeaders : new Headers(givenHeaders)
  const init = isOwn ? given : snapshotOf(given, headers)
  const url = urlOf(input)
  const method = methodOf(init?.method ?? request?.method)
  const signal = init?.signal ?? request?.signal ?? undefined
  const same = { input, init, url, method, headers, request, signal, gatewayHeaders: undefined }
  if (!hasGatewayHeaders(headers)) return same
  const clean = withoutGatewayHeaders(headers)
  return { ...same, init: { ...init, headers: clean }, headers: clean, gatewayHeaders: headers }
}

/**
 * Returns the `init` of a request, with what a Request in its place would have brought; without that Request's body. It
 * may be the caller's own object: `copyInit` for what is read after the answer.
 */
export const initOf = ({ request, method, init }: CleanRequest): RequestInit =>
  request ? { method, headers: request.headers, signal: request.signal, ...init } : (init ?? {})

/** Copies the `init` of a request. */
export const copyInit = (request: CleanRequest): RequestInit => ({ ...initOf(request) })

/** Copies a plain `init`, with its headers and bytes. Members of any other object may be inherited, as a Request's are. */
function snapshotOf(init: RequestInit | undefined, headers: Headers): RequestInit | undefined {
  if (init === undefined || init === null || Object.getPrototypeOf(init) !== Object.prototype) return init
  const copy = init.headers === undefined ? { ...init } : { ...init, headers }
  const { body } = init
  if (body instanceof ArrayBuffer) copy.body = body.slice(0)
  else if (ArrayBuffer.isView(body))
    copy.body = new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice()
  return copy
}

/** Accepts Requests of other realms, and of other implementations of `fetch`. */
const isRequest = (input: Input): input is Request =>
  typeof input === 'object' && 'url' in input && 'headers' in input

const canonicalUrl = createCanonicalUrl()

function urlOf(input: Input): string {
  if (typeof input === 'string') return canonicalUrl(input)
  if (input instanceof URL) return canonicalUrl(input.href)
  return canonicalUrl(isRequest(input) ? input.url : `${input as unknown as string}`)
}

/** `fetch` sends `post` as POST. */
const methodOf = (method: string | undefined) =>
  method === 'POST' ? method : (method ?? 'GET').toUpperCase()
