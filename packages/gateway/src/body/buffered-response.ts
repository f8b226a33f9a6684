import { Readable } from 'node:stream'
import { formatWithOptions, type InspectOptions, inspect } from 'node:util'
import * as threads from 'node:worker_threads'
import { LayeredHeaders } from './layered-headers.ts'

/**
 * Members of a Response besides headers and body; those left out are as after a successful `fetch`. `mutable`: its headers
 * can be changed, as those of a Response that a program constructs. `signal`: the caller's,
 * which may abort before the body is read.
 */
type Head = { url: string; mutable?: boolean; signal?: AbortSignal } & Partial<
  Pick<Response, 'status' | 'statusText' | 'type' | 'redirected'>
>

/** Text, bytes, an unread stream of bytes, or no body. */
type Body = string | Uint8Array | ReadableStream<Uint8Array> | null

/**
 * Creates a Response whose stream is made lazily, from a body that is in memory. Creating a stream and reading it back is a
 * third of what the SDK spends on a small answer.
 */
export function bufferedResponse(body: Body, headers: LayeredHeaders, head: Head): Response {
  return new BufferedResponse(body, headers, head)
}

/** Returns the headers to add to, of a Response that its caller has not received yet. */
export const addable = (response: Response): Headers =>
  BufferedResponse.collected(response) ?? response.headers

const decoder = new TextDecoder()

/** Keeps `structuredClone` from copying a Response as a plain object. Absent before Node 22.10. */
const { markAsUncloneable } = threads as { markAsUncloneable?: (value: object) => void }

class BufferedResponse implements Response {
  readonly #collected: LayeredHeaders
  readonly #body: Body
  readonly #head: Head
  #headers: Headers | undefined
  #used = false
  /** A native Response, created for the first use that text and bytes do not serve. */
  #native: Response | undefined

  constructor(body: Body, headers: LayeredHeaders, head: Head) {
    this.#collected = headers
    this.#body = body
    this.#head = head
    markAsUncloneable?.(this)
  }

  static collected(response: Response): Headers | undefined {
    return #collected in response && response.#headers === undefined ? response.#collected : undefined
  }

  /** Native Headers, created at the first access; from then on none is added. */
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
    if (this.#native === undefined && this.#body instanceof ReadableStream)
      return this.#body as Response['body']
    return this.#asUsual().body
  }

  get bodyUsed() {
    if (this.#native !== undefined) return this.#used || this.#native.bodyUsed
    return (
      this.#used ||
      (this.#body instanceof ReadableStream && Readable.isDisturbed(this.#body as unknown as Readable))
    )
  }

  async text(): Promise<string> {
    this.#throwIfAborted()
    const body = this.#body
    if (this.#native !== undefined || body === null || body instanceof ReadableStream)
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
    if (this.bodyUsed || this.#native?.body?.locked)
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
   * abort reason. A Response that the program constructed has no signal.
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
    if (this.#native === undefined) {
      this.#native = new Response(this.#body as BodyInit, { headers: this.headers })
      // After the text was read, the stream must be at its end.
      if (this.#used) void this.#native.text()
    }
    return this.#native
  }
}

// Passes `instanceof Response` without the cost of the native constructor.
Object.setPrototypeOf(BufferedResponse.prototype, Response.prototype)
Object.defineProperty(BufferedResponse.prototype, 'constructor', { value: Response })
