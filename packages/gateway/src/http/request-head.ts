import { hasGatewayHeaders, withoutGatewayHeaders } from '../identify/headers.ts'

type Input = Parameters<typeof fetch>[0]

/** One request of a `fetch`, freed of the gateway's headers: `input` and `init` may be sent as they are. */
export type RequestHead = {
  input: Input
  init: RequestInit | undefined
  url: string
  /** In capitals. */
  method: string
  /** Those that would be sent, `input`'s or `init`'s; never holds a header of the gateway. */
  headers: Headers
  request: Request | undefined
  signal: AbortSignal | undefined
  /** The headers as they came, where some of them are the gateway's. */
  marked: Headers | undefined
}

/**
 * Takes the gateway's headers out before anything else is done with a request: whatever fails afterwards, none of them,
 * and so no team key, can leave. Without any, the caller's own arguments are kept.
 * @throws what `fetch` throws for such arguments.
 */
export function readHead(input: Input, init: RequestInit | undefined): RequestHead {
  const request = isRequest(input) ? input : undefined
  const given = init?.headers ?? request?.headers
  const headers = given instanceof Headers ? given : new Headers(given)
  const url = urlOf(input)
  const method = methodOf(init?.method ?? request?.method)
  const signal = init?.signal ?? request?.signal ?? undefined
  const asked = { input, init, url, method, headers, request, signal, marked: undefined }
  if (!hasGatewayHeaders(headers)) return asked
  const clean = withoutGatewayHeaders(headers)
  return { ...asked, init: { ...init, headers: clean }, headers: clean, marked: headers }
}

/** Also one of another realm, or of a fetch other than Node's. */
const isRequest = (input: Input): input is Request =>
  typeof input === 'object' && 'url' in input && 'headers' in input

function urlOf(input: Input): string {
  if (typeof input === 'string') return input
  if (input instanceof URL) return input.href
  return isRequest(input) ? input.url : `${input as unknown as string}`
}

/** `fetch` sends `post` as POST. */
const methodOf = (method: string | undefined) =>
  method === 'POST' ? method : (method ?? 'GET').toUpperCase()
