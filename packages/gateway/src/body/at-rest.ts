import { Readable } from 'node:stream'

/** What a Response tells besides headers and body; unless said otherwise, as of a fetch that went well. */
type Head = { url: string } & Partial<Pick<Response, 'status' | 'statusText' | 'type' | 'redirected'>>

/** Text, bytes, a stream of bytes that nobody has read from, or none. */
type Body = string | Uint8Array | ReadableStream<Uint8Array> | null

/**
 * A Response made with half of the work. Of a body that is all there, a stream is made only for who asks for one: a
 * third of what the SDK does for a small answer goes into making a stream of it and reading that again.
 */
export function atRest(body: Body, headers: Headers, head: Head): Response {
  return new ResponseAtRest(body, headers, head)
}

const decoder = new TextDecoder()

class ResponseAtRest implements Response {
  readonly headers: Headers
  readonly #body: Body
  readonly #head: Head
  #used = false
  /** The usual kind of Response, once somebody wants more than the text. */
  #usual: Response | undefined

  constructor(body: Body, headers: Headers, head: Head) {
    this.headers = headers
    this.#body = body
    this.#head = head
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
    return await this.#asUsual().arrayBuffer()
  }

  async blob() {
    return await this.#asUsual().blob()
  }

  async bytes() {
    return await this.#asUsual().bytes()
  }

  async formData() {
    return await this.#asUsual().formData()
  }

  clone(): Response {
    if (this.bodyUsed || this.#usual?.body?.locked)
      throw new TypeError('Response.clone: Body has already been consumed.')
    if (this.#body instanceof ReadableStream) {
      const body = this.#asUsual().clone().body as ReadableStream<Uint8Array>
      return new ResponseAtRest(body, new Headers(this.headers), this.#head)
    }
    return new ResponseAtRest(this.#body, new Headers(this.headers), this.#head)
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

// It is a Response to whoever asks, made without the half of the work that goes into a body nobody reads as a stream.
Object.setPrototypeOf(ResponseAtRest.prototype, Response.prototype)
Object.defineProperty(ResponseAtRest, 'name', { value: 'Response' })
