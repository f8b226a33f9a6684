/** What this server itself says no to. What the gateway refuses comes from the gateway. */
export type Problem = {
  status: number
  message: string
  code: string
  param?: string
  /** The client's SDK may ask again. */
  retry?: boolean
  headers?: Record<string, string>
}

export const problems = {
  noKey: {
    status: 401,
    code: 'gateway_unknown_key',
    message: 'Send a team key that the policy lists, as "Authorization: Bearer <team key>".',
    headers: { 'www-authenticate': 'Bearer' },
  },
  fromABrowser: {
    status: 403,
    code: 'gateway_pass_through_refused',
    message: 'Without team keys this server answers programs on this machine only, and no web page.',
  },
  notJson: {
    status: 415,
    code: 'unsupported_media_type',
    message: 'The body must be JSON: send "Content-Type: application/json", and no content-encoding.',
  },
  badJson: { status: 400, code: 'invalid_json', message: 'The body is not a JSON object in UTF-8.' },
  beta: {
    status: 400,
    code: 'unsupported_parameter',
    param: 'beta',
    message: 'The beta Responses API speaks another language than this server, and is not served here.',
  },
  busy: {
    status: 503,
    code: 'gateway_busy',
    message: 'This gateway has as many requests under way as it takes.',
    retry: true,
    headers: { 'retry-after': '1' },
  },
  timeout: {
    status: 408,
    code: 'gateway_timeout',
    message: 'The answer did not begin within the timeout that the request set.',
    retry: true,
  },
  unreachable: {
    status: 502,
    code: 'gateway_upstream_unreachable',
    message: 'Upstream cannot be reached.',
    retry: true,
  },
  upstreamKey: {
    status: 502,
    code: 'gateway_upstream_key_refused',
    message: 'Upstream does not accept the key of this gateway. Its operator must look at OPENAI_API_KEY.',
  },
  fault: { status: 500, code: 'gateway_fault', message: 'This gateway failed. Its log says more.' },
} as const satisfies Record<string, Problem>

export const tooLarge = (maxBytes: number): Problem => ({
  status: 413,
  code: 'request_too_large',
  message: `The body is larger than the ${maxBytes} bytes that this gateway takes.`,
})

export const tooComplex = (what: string): Problem => ({
  status: 413,
  code: 'request_too_large',
  message: `The body has more ${what} than this gateway reads.`,
})

export const noRoute = (method: string, path: string): Problem => ({
  status: 404,
  code: 'unknown_url',
  message: `There is no ${method} ${path} on this gateway.`,
})

export const noMethod = (method: string, allowed: string): Problem => ({
  status: 405,
  code: 'method_not_allowed',
  message: `${method} is not allowed here, ${allowed} is.`,
  headers: { allow: allowed },
})

export const noModel = (model: string): Problem => ({
  status: 404,
  code: 'model_not_found',
  param: 'model',
  message: `The model '${model}' does not exist, or this team may not use it.`,
})
