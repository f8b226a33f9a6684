import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Problem } from './errors.ts'

export function json(
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

/** In OpenAI's own shape, so that it surfaces as the client's typed error. */
export function refuse(res: ServerResponse, problem: Problem): void {
  if (res.headersSent) return void res.destroy()
  const { status, retry = false, headers } = problem
  json(res, status, bodyOf(problem), { 'x-should-retry': String(retry), ...headers })
}

const TYPES: Record<number, string> = { 401: 'authentication_error', 403: 'permission_error' }

export function bodyOf({ status, message, code, param }: Problem) {
  const type = TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'server_error')
  return { error: { message, type, param: param ?? null, code } }
}
