/** An error response of this server. Errors of the gateway itself come from `gateway.fetch` and pass through. */
export type HttpError = {
  status: number
  message: string
  code: string
  /** Name of the request field at fault. */
  param?: string
  /** Whether the client's SDK may retry: sent as `x-should-retry`. @default false */
  retryable?: boolean
  headers?: Record<string, string>
}

export const httpErrors = {
  missingTeamKey: {
    status: 401,
    code: 'gateway_unknown_key',
    message: 'Send a team key that the policy lists, as "Authorization: Bearer <team key>".',
    headers: { 'www-authenticate': 'Bearer' },
  },
  notLocal: {
    status: 403,
    code: 'gateway_pass_through_refused',
    message: 'Without team keys this server answers programs on this machine only, and no web page.',
  },
  unsupportedMediaType: {
    status: 415,
    code: 'unsupported_media_type',
    message: 'The body must be JSON: send "Content-Type: application/json", and no content-encoding.',
  },
  invalidJson: { status: 400, code: 'invalid_json', message: 'The body is not a JSON object in UTF-8.' },
  betaUnsupported: {
    status: 400,
    code: 'unsupported_parameter',
    param: 'beta',
    message: 'This server does not support the beta Responses API.',
  },
  busy: {
    status: 503,
    code: 'gateway_busy',
    message: 'This gateway has reached its limit of requests in flight.',
    retryable: true,
    headers: { 'retry-after': '1' },
  },
  timeout: {
    status: 408,
    code: 'gateway_timeout',
    message: 'The answer did not begin within the timeout that the request set.',
    retryable: true,
  },
  upstreamUnreachable: {
    status: 502,
    code: 'gateway_upstream_unreachable',
    message: 'Upstream cannot be reached.',
    retryable: true,
  },
  upstreamKeyRejected: {
    status: 502,
    code: 'gateway_upstream_key_refused',
    message: 'Upstream does not accept the key of this gateway. Its operator must check OPENAI_API_KEY.',
  },
  internalError: { status: 500, code: 'gateway_fault', message: 'This gateway failed. Its log says more.' },
} as const satisfies Record<string, HttpError>

export const bodyTooLarge = (maxBytes: number): HttpError => ({
  status: 413,
  code: 'request_too_large',
  message: `The body exceeds this gateway's limit of ${maxBytes} bytes.`,
})

export const bodyTooComplex = (what: string): HttpError => ({
  status: 413,
  code: 'request_too_large',
  message: `The body has more ${what} than this gateway reads.`,
})

export const notFound = (method: string, path: string): HttpError => ({
  status: 404,
  code: 'unknown_url',
  message: `There is no ${method} ${path} on this gateway.`,
})

export const methodNotAllowed = (method: string, allowed: string): HttpError => ({
  status: 405,
  code: 'method_not_allowed',
  message: `${method} is not allowed here, ${allowed} is.`,
  headers: { allow: allowed },
})

export const modelNotFound = (model: string): HttpError => ({
  status: 404,
  code: 'model_not_found',
  param: 'model',
  message: `The model '${model}' does not exist, or this team may not use it.`,
})
