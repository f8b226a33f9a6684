import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import type { Log } from '../core/log-codes.ts'
import { errorText, isInstance } from '../util/error-text.ts'
import { ignoreRejection } from '../util/faults.ts'

/** Message of undici about a request that is being sent, by any sender. Source: undici, "Diagnostics Channel Support". */
type Sent = { request: object; socket: Socket & { encrypted?: boolean } }

/**
 * Time after sending within which the reset of an idle connection shows. A model that has processed the request has by then
 * sent its head, or takes longer.
 */
const AT_ONCE_MS = 2_000

/** Error codes of a connection that the other end has closed. */
const CLOSED: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])

/** Requests by the body object of their request, which is unique. */
const ofBody = new WeakMap<object, TrackedRequest>()
/** Current request while a program's own transport runs. */
const running = new AsyncLocalStorage<TrackedRequest>()
/**
 * Transports that were seen to send requests through undici. Only these run inside `trips`: once an AsyncLocalStorage is
 * in use, Node 22 makes every promise of the program slower.
 */
const undiciTransports = new WeakSet<object>()
/** Running transports that were not seen to use undici yet. */
const unknownTransports = new Set<object>()
const ofRequest = new WeakMap<object, TrackedRequest>()
/** Number of requests that each connection has carried. */
const requestsCarried = new WeakMap<Socket, number>()
let listens = false

const CONNECTIONS = 'connections'

/**
 * Tracks one request and the connection that carried it. A reused connection may already be closed at the other end when a
 * request is written to it; upstream then never sees the request.
 */
export class TrackedRequest {
  #socket: Sent['socket'] | undefined
  #isReused = false
  #readBefore = 0
  #writtenAt = 0

  /** @param say logs faults of the tracking, for all requests. A request that was not tracked counts as seen by upstream. */
  constructor(say: Log) {
    if (!listens) listen(say)
  }

  /** Returns the bytes to send as body, by which the request is recognised. */
  body(text: string): Uint8Array {
    const bytes = Buffer.from(text)
    ofBody.set(bytes, this)
    return bytes
  }

  /** Runs a transport. The first request of an unknown transport is not tracked and counts as seen by upstream. */
  async sendBy<T>(transport: object, send: () => Promise<T>): Promise<T> {
    if (undiciTransports.has(transport)) return await running.run(this, send)
    unknownTransports.add(transport)
    try {
      return await send()
    } finally {
      unknownTransports.delete(transport)
    }
  }

  /** Notes the connection on which the request was written. */
  written({ socket }: Sent, isReused: boolean): void {
    this.#socket = socket
    // With TLS, a new connection has read bytes, too: the handshake.
    this.#isReused = isReused || (socket.encrypted !== true && socket.bytesRead > 0)
    this.#readBefore = socket.bytesRead
    this.#writtenAt = performance.now()
  }

  /** Returns whether upstream cannot have seen the request: a reused connection broke at once, without any answer. */
  isUnseen(error: unknown): boolean {
    const socket = this.#socket
    if (socket === undefined || !this.#isReused || !isClosed(error)) return false
    // TLS records may arrive that are not part of an answer.
    const isSilent = socket.encrypted === true || socket.bytesRead === this.#readBefore
    return isSilent && performance.now() - this.#writtenAt < AT_ONCE_MS
  }
}

function isClosed(error: unknown): boolean {
  const cause = isInstance(error, Error) ? error.cause : undefined
  return isInstance(cause, Error) && 'code' in cause && CLOSED.has(cause.code)
}

function listen(say: Log): void {
  listens = true
  const fault = (error: unknown, where: string) =>
    say('GW_FAULT', `a fault of the gateway (${where}): ${errorText(error)}`)
  subscribe('undici:request:create', ignoreRejection(noteRequest, fault, CONNECTIONS))
  subscribe('undici:client:sendHeaders', ignoreRejection(noteConnection, fault, CONNECTIONS))
}

function noteRequest(message: unknown): void {
  const { request } = message as { request: { body?: unknown } }
  const { body } = request
  const tracked = (typeof body === 'object' && body !== null && ofBody.get(body)) || running.getStore()
  if (tracked !== undefined) return void ofRequest.set(request, tracked)
  for (const transport of unknownTransports) undiciTransports.add(transport)
}

function noteConnection(message: unknown): void {
  const sent = message as Sent
  const before = requestsCarried.get(sent.socket) ?? 0
  requestsCarried.set(sent.socket, before + 1)
  ofRequest.get(sent.request)?.written(sent, before > 0)
}
