import { type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Problem } from './errors.ts'
import type { AccessLog } from './log.ts'
import { bodyOf } from './reply.ts'

const MALFORMED: Problem = { status: 400, code: 'bad_request', message: 'This is not HTTP/1.1.' }
const BY_CODE: Record<string, Problem> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    code: 'headers_too_large',
    message: 'The headers are larger than this gateway takes.',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    code: 'request_timeout',
    message: 'The request did not arrive in time.',
  },
}
const NO_TUNNELS: Problem = { status: 405, code: 'method_not_allowed', message: 'This is no proxy.' }

/** What never becomes a request is answered, too, in the same shape, and its connection closed. */
export function answerHostile(server: Server, log: AccessLog): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    safely(socket, error.code === 'ECONNRESET' ? undefined : (BY_CODE[error.code ?? ''] ?? MALFORMED))
  })
  server.on('connect', (_req, socket) => safely(socket, NO_TUNNELS))

  /** A fault here would end the server for everybody. */
  function safely(socket: Duplex, problem: Problem | undefined) {
    try {
      turnAway(socket, problem)
    } catch {
      socket.destroy()
    }
  }

  function turnAway(socket: Duplex, problem: Problem | undefined) {
    const answering = answerOn(socket)
    // Bytes in the midst of an answer would be taken for part of it.
    if (problem === undefined || !socket.writable || answering?.headersSent) return void socket.destroy()
    const { status, code } = problem
    const body = JSON.stringify(bodyOf(problem))
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
      'x-should-retry: false',
      'connection: close',
    ]
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
    // What had begun as a request is logged as one.
    if (answering) answering.statusCode = status
    else log.write({ at: new Date().toISOString(), status, end: 'refused', ms: 0, error: code })
  }
}

/** Where Node keeps the answer that a connection is busy with; its own handler of such errors looks there, too. */
const answerOn = (socket: Duplex) =>
  (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage
