import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { withErrorPage } from '@hotdash/llm-gateway/server'
import type { HttpError } from './errors.ts'

export function sendJson(
  res: ServerResponse,
  status: number,
  body: unknown,
  headers?: OutgoingHttpHeaders,
): void {
  const text = JSON.stringify(body)
  const length = Buffer.byteLength(text)
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': length, ...headers })
  res.end(text)
}

/** Sends an error in OpenAI's shape, which SDKs raise as their typed error. Destroys a response that has begun. */
export function sendError(res: ServerResponse, error: HttpError): void {
  if (res.headersSent) return void res.destroy()
  const { status, retryable = false, headers } = error
  sendJson(res, status, errorBody(error), { 'x-should-retry': String(retryable), ...headers })
}

const TYPES: Record<number, string> = { 401: 'authentication_error', 403: 'permission_error' }

/** Returns `{ error: { message, type, param, code } }`, the body of OpenAI's errors. The message names the page of its code. */
export function errorBody({ status, message, code, param }: HttpError) {
  const type = TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'server_error')
  return { error: { message: withErrorPage(message, code), type, param: param ?? null, code } }
}
