/** What a Response tells besides headers and body; unless said otherwise, as of a fetch that went well. */
type Head = { url: string } & Partial<Pick<Response, 'status' | 'statusText' | 'type' | 'redirected'>>

/**
 * A Response whose body is all there. A third of what the SDK does for a small answer goes into making a stream of it
 * and reading that again; here the stream is made when somebody asks for it, and the text is given as it is.
 */
export function atRest(body: string | Uint8Array, headers: Headers, head: Head): Response {
  return new ResponseAtRest(body, headers, head)
}

const decoder = new TextDecoder()

class ResponseAtRest implements Response {
  readonly headers: Headers
  readonly #body: string | Uint8Array
  readonly #head: Head
  #used = false
  /** The usual kind of Response, once somebody wants more than the text. */
  #usual: Response | undefined

  constructor(body: string | Uint8Array, headers: Headers, head: Head) {
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

  get body() {
    return this.#asUsual().body
  }

  get bodyUsed() {
    return this.#used || this.#usual?.bodyUsed === true
  }

  async text(): Promise<string> {
    if (this.#usual !== undefined) return await this.#usual.text()
    this.#use()
    return typeof this.#body === 'string' ? this.#body : decoder.decode(this.#body)
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
