import { hasGatewayHeaders, withoutGatewayHeaders } from '../identify/headers.ts'

type Input = Parameters<typeof fetch>[0]

/** Arguments of one `fetch` without the gateway's headers: `input` and `init` can be sent as they are. */
export type CleanRequest = {
  input: Input
  init: RequestInit | undefined
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
 * hence no team key, can leave the process. A request without such headers keeps the caller's own arguments.
 * @throws what `fetch` throws for the same arguments.
 */
export function cleanRequest(input: Input, init: RequestInit | undefined): CleanRequest {
  const request = isRequest(input) ? input : undefined
  const given = init?.headers ?? request?.headers
  const headers = given instanceof Headers ? given : new Headers(given)
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

/** Accepts Requests of other realms, and of other implementations of `fetch`. */
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
