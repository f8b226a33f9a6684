type Head = { status?: number; statusText?: string; url: string }

/**
 * A Response whose body is all there. A third of what the SDK does for a small answer goes into making a stream of it
 * and reading that again; here the stream is made when somebody asks for it, and the text is given as it is.
 */
export function atRest(body: string | Uint8Array, headers: Headers | undefined, head: Head): Response {
  return new ResponseAtRest(body, headers, head)
}

const decoder = new TextDecoder()

class ResponseAtRest extends Response {
  readonly #body: string | Uint8Array
  readonly #head: Head
  #used = false
  /** The usual kind of Response, once somebody wants more than the text. */
  #usual: Response | undefined

  constructor(body: string | Uint8Array, headers: Headers | undefined, head: Head) {
    super(null, { status: head.status ?? 200, ...(headers === undefined ? {} : { headers }) })
    this.#body = body
    this.#head = head
  }

  /** Neither can be given to the constructor: it takes no address, and no status text beyond Latin-1. */
  override get url() {
    return this.#head.url
  }

  override get statusText() {
    return this.#head.statusText ?? 'OK'
  }

  override get body() {
    return this.#asUsual().body
  }

  override get bodyUsed() {
    return this.#used || this.#usual?.bodyUsed === true
  }

  override async text(): Promise<string> {
    if (this.#usual !== undefined) return await this.#usual.text()
    this.#use()
    return typeof this.#body === 'string' ? this.#body : decoder.decode(this.#body)
  }

  override async json(): Promise<unknown> {
    return JSON.parse(await this.text())
  }

  override async arrayBuffer() {
    return await this.#asUsual().arrayBuffer()
  }

  override async blob() {
    return await this.#asUsual().blob()
  }

  override async bytes() {
    return await this.#asUsual().bytes()
  }

  override async formData() {
    return await this.#asUsual().formData()
  }

  override clone(): Response {
    if (this.bodyUsed || this.#usual?.body?.locked)
      throw new TypeError('Response.clone: Body has already been consumed.')
    return new ResponseAtRest(this.#body, this.headers, this.#head)
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

// It is a Response to whoever prints it or asks for its constructor's name.
Object.defineProperty(ResponseAtRest, 'name', { value: 'Response' })
