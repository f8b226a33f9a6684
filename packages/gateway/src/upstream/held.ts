import type { Dispatcher } from './dispatch.ts'

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
  /** What came before a handler did. */
  #events: ((handler: Handler) => unknown)[] = []

  constructor(head: Head, dispatcher: Dispatcher) {
    this.#head = head
    this.#dispatcher = dispatcher
  }

  /** Answers the first request with what has come; all others, such as that to another address, are sent. */
  dispatch(...[request, handler]: Parameters<Dispatcher['dispatch']>): boolean {
    if (this.#handler !== undefined) return this.#dispatcher.dispatch(request, handler)
    const { status, raw, resume, statusText, abort } = this.#head
    const to = handler as Handler
    this.#handler = to
    to.onConnect(abort, null)
    to.onHeaders(status, raw, resume, statusText)
    for (const event of this.#events.splice(0)) event(to)
    resume()
    return true
  }

  /** One event of the answer's body. Returns whether more may come at once. */
  tell(event: (handler: Handler) => unknown): boolean {
    if (this.#handler === undefined) {
      this.#events.push(event)
      return false
    }
    return event(this.#handler) !== false
  }

  /** Lets the connection go, where no `fetch` has taken the answer. */
  release(): void {
    if (this.#handler === undefined) this.#head.abort(new DOMException('This operation was aborted', 'AbortError'))
  }
}
