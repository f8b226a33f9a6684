import type { JsonObject } from '../core/json.ts'

/** An error response of OpenAI. Fields left out follow from `code` or `status`. `retryAfter`: seconds. */
export type ApiError = {
  status: number
  code?: string | null
  errorType?: string
  message?: string
  param?: string | null
  retryAfter?: number
  headers?: Record<string, string>
}

type ErrorKind = { type: string; code: string | null; message: string }

const BY_STATUS: Record<number, ErrorKind | undefined> = {
  400: { type: 'invalid_request_error', code: null, message: 'The request is not valid.' },
  401: { type: 'invalid_request_error', code: 'invalid_api_key', message: 'Incorrect API key provided.' },
  403: { type: 'invalid_request_error', code: null, message: 'You are not allowed to do this.' },
  404: { type: 'invalid_request_error', code: null, message: 'Not found.' },
  408: { type: 'server_error', code: null, message: 'The request timed out.' },
  409: { type: 'server_error', code: null, message: 'The resource is locked.' },
  429: { type: 'requests', code: 'rate_limit_exceeded', message: 'Rate limit reached for requests.' },
  500: {
    type: 'server_error',
    code: null,
    message: 'The server had an error while processing your request.',
  },
  503: { type: 'service_unavailable_error', code: null, message: 'The engine is currently overloaded.' },
}

const BY_CODE: Record<string, Omit<ErrorKind, 'code'> | undefined> = {
  insufficient_quota: {
    type: 'insufficient_quota',
    message: 'You exceeded your current quota, please check your plan and billing details.',
  },
  context_length_exceeded: {
    type: 'invalid_request_error',
    message: 'Your input exceeds the context window of this model. Please adjust your input and try again.',
  },
  model_not_found: {
    type: 'invalid_request_error',
    message: 'The model does not exist or you do not have access to it.',
  },
}

/** Returns `{ error: { message, type, param, code } }`. */
export function errorBody({ status, code, errorType, message, param }: ApiError): JsonObject {
  const known = BY_STATUS[status] ?? { type: 'server_error', code: null, message: `Error ${status}.` }
  const byCode = code && Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : undefined
  const kind = { ...known, ...byCode }
  return {
    error: {
      message: message ?? kind.message,
      type: errorType ?? kind.type,
      param: param ?? null,
      code: code === undefined ? kind.code : code,
    },
  }
}
