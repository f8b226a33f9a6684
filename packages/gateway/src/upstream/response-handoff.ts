import type { Dispatcher } from './dispatcher.ts'

/** Methods of `fetch`'s handler that are called here. Source: undici 6 and 7, `DispatchHandlers`. */
export type Handler = {
  onConnect: (abort: (reason?: Error) => void, context: null) => void
  onHeaders: (status: number, raw: Buffer[], resume: () => void, statusText: string) => boolean
  onData: (bytes: Buffer) => boolean
  onComplete: (trailers: string[]) => void
  onError: (error: Error) => void
}

/** Head of an answer, with control over its connection. */
export type Head = {
  status: number
  raw: Buffer[]
  statusText: string
  resume: () => void
  abort: (reason?: Error) => void
}

/**
 * Holds an answer whose status only `fetch` can handle: a redirect, 407 or 421. Serves as the dispatcher of a `fetch` of the
 * same request and gives it this answer, so that the request is not sent twice.
 */
export class ResponseHandoff {
  readonly #head: Head
  readonly #dispatcher: Dispatcher
  #handler: Handler | undefined
  #isOpen = false
  /** Events that arrived before a handler was ready. */
  #events: ((handler: Handler) => unknown)[] = []

  constructor(head: Head, dispatcher: Dispatcher) {
    this.#head = head
    this.#dispatcher = dispatcher
  }

  /** Answers the first request with the held answer. Sends all others, e.g. to the target of a redirect. */
  dispatch(...[request, handler]: Parameters<Dispatcher['dispatch']>): boolean {
    if (this.#handler !== undefined) return this.#dispatcher.dispatch(request, handler)
    const to = handler as Handler
    this.#handler = to
    to.onConnect(this.#head.abort, null)
    this.#answer(request.body, to).catch((error: Error) => to.onError(error))
    return true
  }

  /** Reads the request's body first, as if it were sent: what `fetch` does next depends on it. */
  async #answer(body: unknown, to: Handler): Promise<void> {
    if (isIterable(body)) for await (const _ of body);
    const { status, raw, resume, statusText } = this.#head
    this.#isOpen = true
    to.onHeaders(status, raw, resume, statusText)
    for (const event of this.#events.splice(0)) event(to)
    resume()
  }

  /** Passes on an event of the answer. Returns `false` if the connection must pause. */
  emit(event: (handler: Handler) => unknown): boolean {
    if (this.#handler === undefined || !this.#isOpen) {
      this.#events.push(event)
      return false
    }
    return event(this.#handler) !== false
  }

  /** Aborts the connection if no `fetch` has taken the answer. */
  release(): void {
    if (this.#handler === undefined)
      this.#head.abort(new DOMException('This operation was aborted', 'AbortError'))
  }
}

const isIterable = (body: unknown): body is AsyncIterable<unknown> =>
  typeof body === 'object' && body !== null && Symbol.asyncIterator in body
