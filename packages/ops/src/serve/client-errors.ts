import { type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { HttpError } from './errors.ts'
import type { AccessLog } from './log.ts'
import { errorBody } from './reply.ts'

const MALFORMED: HttpError = { status: 400, code: 'bad_request', message: 'This is not HTTP/1.1.' }
const ERROR_BY_CODE: Record<string, HttpError> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    code: 'headers_too_large',
    message: "The headers exceed this gateway's limit.",
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    code: 'request_timeout',
    message: 'The request did not arrive in time.',
  },
}
const CONNECT_UNSUPPORTED: HttpError = {
  status: 405,
  code: 'method_not_allowed',
  message: 'This is no proxy.',
}

/**
 * Answers what Node cannot parse as a request (malformed HTTP, oversized headers, timeouts, CONNECT): sends the error in
 * OpenAI's shape and closes the connection.
 */
export function handleClientErrors(server: Server, log: AccessLog): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const reset = error.code === 'ECONNRESET'
    rejectSafely(socket, reset ? undefined : (ERROR_BY_CODE[error.code ?? ''] ?? MALFORMED))
  })
  server.on('connect', (_req, socket) => rejectSafely(socket, CONNECT_UNSUPPORTED))

  /** An exception in one of these handlers would end the process, and with it all requests in flight. */
  function rejectSafely(socket: Duplex, error: HttpError | undefined) {
    try {
      rejectConnection(socket, error)
    } catch {
      socket.destroy()
    }
  }

  function rejectConnection(socket: Duplex, error: HttpError | undefined) {
    const pending = responseOn(socket)
    // Bytes written in the middle of a response would be parsed as part of it.
    if (error === undefined || !socket.writable || pending?.headersSent) return void socket.destroy()
    const { status, code } = error
    const body = JSON.stringify(errorBody(error))
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
      'x-should-retry: false',
      'connection: close',
    ]
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
    // A request whose head was parsed has an exchange, which writes the log entry.
    if (pending) pending.statusCode = status
    else log.write({ startedAt: new Date().toISOString(), status, outcome: 'refused', ms: 0, error: code })
  }
}

/** Returns the response that a connection is busy with. Node's own `clientError` handler reads the same field. */
const responseOn = (socket: Duplex) =>
  (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage
