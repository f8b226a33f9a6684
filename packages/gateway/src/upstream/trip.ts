import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import type { Log } from '../core/log-codes.ts'
import { errorText } from '../util/error-text.ts'
import { ignoreRejection } from '../util/faults.ts'

/** What undici says of one request on its way, of any sender. Source: undici, "Diagnostics Channel Support". */
type Sent = { request: object; socket: Socket & { encrypted?: boolean } }

/**
 * How soon after a request the reset of a connection that was idle shows. A model that has begun to answer has mostly
 * sent the head of it, or is at work for longer.
 */
const AT_ONCE_MS = 2_000

/** Codes of a connection that is closed at the other end. */
const CLOSED: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])

/** Trips by the body of their request, which no other request has. */
const ofBody = new WeakMap<object, Trip>()
/** In which trip a transport of the program's own makes its requests. */
const trips = new AsyncLocalStorage<Trip>()
/**
 * Transports that were seen to make requests of undici. Only they run in their trip: as soon as anything does, Node 22
 * makes every promise of the program dearer.
 */
const makers = new WeakSet<object>()
/** Transports under way that were not seen to yet. */
const unknown = new Set<object>()
const ofRequest = new WeakMap<object, Trip>()
/** Requests that each connection has carried. */
const carried = new WeakMap<Socket, number>()
let listens = false

const CONNECTIONS = 'connections'

/**
 * One request from here to upstream, and the connection that it left by. Of connections that are reused some have been
 * closed at the other end when a request is written to them: it is then as good as never asked.
 */
export class Trip {
  #socket: Sent['socket'] | undefined
  #isReused = false
  #readBefore = 0
  #leftAt = 0

  /** `say` is told, once for all, of faults in noting connections: a trip that was not noted may have been seen. */
  constructor(say: Log) {
    if (!listens) listen(say)
  }

  /** As the body of a request, by which it is known. */
  body(text: string): Uint8Array {
    const bytes = Buffer.from(text)
    ofBody.set(bytes, this)
    return bytes
  }

  /** Runs a transport. Of one that is not known yet, nothing is noted: its request may have been seen. */
  async by<T>(transport: object, send: () => Promise<T>): Promise<T> {
    if (makers.has(transport)) return await trips.run(this, send)
    unknown.add(transport)
    try {
      return await send()
    } finally {
      unknown.delete(transport)
    }
  }

  left({ socket }: Sent, isReused: boolean): void {
    this.#socket = socket
    // Of TLS, the handshake is read from a new connection, too.
    this.#isReused = isReused || (socket.encrypted !== true && socket.bytesRead > 0)
    this.#readBefore = socket.bytesRead
    this.#leftAt = performance.now()
  }

  /** Whether upstream cannot have dealt with the request: a reused connection broke at once, and nothing had come back. */
  isUnseen(error: unknown): boolean {
    const socket = this.#socket
    if (socket === undefined || !this.#isReused || !isClosed(error)) return false
    // Records of TLS come without being part of an answer.
    const isSilent = socket.encrypted === true || socket.bytesRead === this.#readBefore
    return isSilent && performance.now() - this.#leftAt < AT_ONCE_MS
  }
}

function isClosed(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && 'code' in cause && CLOSED.has(cause.code)
}

function listen(say: Log): void {
  listens = true
  const fault = (error: unknown, where: string) =>
    say('GW_FAULT', `a fault of the gateway (${where}): ${errorText(error)}`)
  subscribe('undici:request:create', ignoreRejection(noteTrip, fault, CONNECTIONS))
  subscribe('undici:client:sendHeaders', ignoreRejection(noteConnection, fault, CONNECTIONS))
}

function noteTrip(message: unknown): void {
  const { request } = message as { request: { body?: unknown } }
  const { body } = request
  const trip = (typeof body === 'object' && body !== null && ofBody.get(body)) || trips.getStore()
  if (trip !== undefined) return void ofRequest.set(request, trip)
  for (const transport of unknown) makers.add(transport)
}

function noteConnection(message: unknown): void {
  const sent = message as Sent
  const before = carried.get(sent.socket) ?? 0
  carried.set(sent.socket, before + 1)
  ofRequest.get(sent.request)?.left(sent, before > 0)
}
