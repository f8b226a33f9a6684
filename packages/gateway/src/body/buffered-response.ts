import { Readable } from 'node:stream'
import { formatWithOptions, type InspectOptions, inspect } from 'node:util'
import * as threads from 'node:worker_threads'
import { LayeredHeaders } from './layered-headers.ts'

/**
 * What a Response tells besides headers and body; unless said otherwise, as of a fetch that went well. `mutable`: its
 * headers can be changed, as those of a Response that a program made itself. `signal`: the caller's, which may abort before the body is read.
 */
type Head = { url: string; mutable?: boolean; signal?: AbortSignal } & Partial<
  Pick<Response, 'status' | 'statusText' | 'type' | 'redirected'>
>

/** Text, bytes, a stream of bytes that nobody has read from, or none. */
type Body = string | Uint8Array | ReadableStream<Uint8Array> | null

/**
 * A Response made with half of the work. Of a body that is all there, a stream is made only for who asks for one: a
 * third of what the SDK does for a small answer goes into making a stream of it and reading that again.
 */
export function bufferedResponse(body: Body, headers: LayeredHeaders, head: Head): Response {
  return new BufferedResponse(body, headers, head)
}

/** Where headers can be added to a Response that its caller has not seen yet. */
export const addable = (response: Response): Headers =>
  BufferedResponse.collected(response) ?? response.headers

const decoder = new TextDecoder()

/** A Response cannot be cloned as a plain object. Since Node 22.10; before, it can. */
const { markAsUncloneable } = threads as { markAsUncloneable?: (value: object) => void }

class BufferedResponse implements Response {
  readonly #collected: LayeredHeaders
  readonly #body: Body
  readonly #head: Head
  #headers: Headers | undefined
  #used = false
  /** The usual kind of Response, once somebody wants more than the text. */
  #usual: Response | undefined

  constructor(body: Body, headers: LayeredHeaders, head: Head) {
    this.#collected = headers
    this.#body = body
    this.#head = head
    markAsUncloneable?.(this)
  }

  static collected(response: Response): Headers | undefined {
    return #collected in response && response.#headers === undefined ? response.#collected : undefined
  }

  /** Real ones, made when they are first asked for: then nothing is added any more. */
  get headers() {
    this.#headers ??= this.#collected.native(this.#head.mutable)
    return this.#headers
  }

  get url() {
    return this.#head.url
  }

  get status() {
    return this.#head.status ?? 200
  }

  get ok() {
    return this.status >= 200 && this.status < 300
  }

  get statusText() {
    return this.#head.statusText ?? 'OK'
  }

  get type() {
    return this.#head.type ?? 'basic'
  }

  get redirected() {
    return this.#head.redirected ?? false
  }

  get body(): Response['body'] {
    if (this.#usual === undefined && this.#body instanceof ReadableStream)
      return this.#body as Response['body']
    return this.#asUsual().body
  }

  get bodyUsed() {
    if (this.#usual !== undefined) return this.#used || this.#usual.bodyUsed
    return (
      this.#used ||
      (this.#body instanceof ReadableStream && Readable.isDisturbed(this.#body as unknown as Readable))
    )
  }

  async text(): Promise<string> {
    this.#throwIfAborted()
    const body = this.#body
    if (this.#usual !== undefined || body === null || body instanceof ReadableStream)
      return await this.#asUsual().text()
    this.#use()
    return typeof body === 'string' ? body : decoder.decode(body)
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text())
  }

  async arrayBuffer() {
    this.#throwIfAborted()
    return await this.#asUsual().arrayBuffer()
  }

  async blob() {
    this.#throwIfAborted()
    return await this.#asUsual().blob()
  }

  async bytes() {
    this.#throwIfAborted()
    return await this.#asUsual().bytes()
  }

  async formData() {
    this.#throwIfAborted()
    return await this.#asUsual().formData()
  }

  clone(): Response {
    if (this.bodyUsed || this.#usual?.body?.locked)
      throw new TypeError('Response.clone: Body has already been consumed.')
    if (this.#body instanceof ReadableStream) {
      const body = this.#asUsual().clone().body as ReadableStream<Uint8Array>
      return new BufferedResponse(body, this.#copied(), this.#head)
    }
    return new BufferedResponse(this.#body, this.#copied(), this.#head)
  }

  [inspect.custom](_depth: number, options: InspectOptions) {
    const { status, statusText, headers, body, bodyUsed, ok, redirected, type, url } = this
    const told = { status, statusText, headers, body, bodyUsed, ok, redirected, type, url }
    return `Response ${formatWithOptions(options, told)}`
  }

  #copied(): LayeredHeaders {
    return new LayeredHeaders(this.#head.mutable ? new Headers(this.headers) : this.#collected)
  }

  /**
   * A caller that aborted reads nothing, even of a body that arrived whole. The error is that of `fetch`, whatever the
   * abort reason. A Response that the program made itself knows no signal.
   */
  #throwIfAborted() {
    if (this.#head.signal?.aborted && !this.#head.mutable && !this.bodyUsed)
      throw new DOMException('The operation was aborted.', 'AbortError')
  }

  #use() {
    if (this.#used) throw new TypeError('Body is unusable: Body has already been read')
    this.#used = true
  }

  #asUsual(): Response {
    if (this.#usual === undefined) {
      this.#usual = new Response(this.#body as BodyInit, { headers: this.headers })
      // What was read as text leaves a stream that is at its end.
      if (this.#used) void this.#usual.text()
    }
    return this.#usual
  }
}

// It is a Response by all that can be asked of it, made without the half of the work that goes into a body.
Object.setPrototypeOf(BufferedResponse.prototype, Response.prototype)
Object.defineProperty(BufferedResponse.prototype, 'constructor', { value: Response })
