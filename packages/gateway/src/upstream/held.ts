import type { Dispatcher } from './dispatcher.ts'

/** What of a `fetch`'s own handler is called here. Source: undici 6 and 7, `DispatchHandlers`. */
export type Handler = {
  onConnect: (abort: (reason?: Error) => void, context: null) => void
  onHeaders: (status: number, raw: Buffer[], resume: () => void, statusText: string) => boolean
  onData: (bytes: Buffer) => boolean
  onComplete: (trailers: string[]) => void
  onError: (error: Error) => void
}

/** The head of an answer, and its connection. */
export type Head = {
  status: number
  raw: Buffer[]
  statusText: string
  resume: () => void
  abort: (reason?: Error) => void
}

/**
 * An answer that has come and of which only `fetch` knows what to do with it: a redirect, a proxy's login, a misdirected
 * request. It is handed to a `fetch` of the same request as the answer to that, so that the request is not sent twice.
 */
export class Held {
  readonly #head: Head
  readonly #dispatcher: Dispatcher
  #handler: Handler | undefined
  #isOpen = false
  /** What came before a handler was ready for it. */
  #events: ((handler: Handler) => unknown)[] = []

  constructor(head: Head, dispatcher: Dispatcher) {
    this.#head = head
    this.#dispatcher = dispatcher
  }

  /** Answers the first request with what has come; all others, such as that to another address, are sent. */
  dispatch(...[request, handler]: Parameters<Dispatcher['dispatch']>): boolean {
    if (this.#handler !== undefined) return this.#dispatcher.dispatch(request, handler)
    const to = handler as Handler
    this.#handler = to
    to.onConnect(this.#head.abort, null)
    this.#answer(request.body, to).catch((error: Error) => to.onError(error))
    return true
  }

  /** Only once the body has been read, as if it had been sent: what `fetch` does next depends on it. */
  async #answer(body: unknown, to: Handler): Promise<void> {
    if (isIterable(body)) for await (const _ of body);
    const { status, raw, resume, statusText } = this.#head
    this.#isOpen = true
    to.onHeaders(status, raw, resume, statusText)
    for (const event of this.#events.splice(0)) event(to)
    resume()
  }

  /** One event of the answer's body. Returns whether more may come at once. */
  tell(event: (handler: Handler) => unknown): boolean {
    if (this.#handler === undefined || !this.#isOpen) {
      this.#events.push(event)
      return false
    }
    return event(this.#handler) !== false
  }

  /** Lets the connection go, where no `fetch` has taken the answer. */
  release(): void {
    if (this.#handler === undefined)
      this.#head.abort(new DOMException('This operation was aborted', 'AbortError'))
  }
}

const isIterable = (body: unknown): body is AsyncIterable<unknown> =>
  typeof body === 'object' && body !== null && Symbol.asyncIterator in body
