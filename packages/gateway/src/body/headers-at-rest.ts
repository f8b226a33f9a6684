import { inspect } from 'node:util'

/**
 * Headers over those of upstream, which are not copied, and some of ours. Every header that goes through the usual kind
 * is checked and converted several times over; most are never read but by the SDK's log, which reads them all.
 */
export function headersAtRest(base?: Headers): Headers {
  return new HeadersAtRest(base)
}

/** Headers as a connection brought them: names and values in turns. */
export function headersOfRaw(raw: readonly (Buffer | string)[]): Headers {
  const headers = new HeadersAtRest()
  for (let at = 0; at + 1 < raw.length; at += 2)
    headers.bring(latin1(raw[at]).toLowerCase(), latin1(raw[at + 1]))
  return headers
}

const latin1 = (text: Buffer | string = '') => (typeof text === 'string' ? text : text.toString('latin1'))

/** What needs no checking or converting. Anything else is left to the usual kind, and its errors are. */
const PLAIN_NAME = /^[a-z0-9-]+$/
const PLAIN_VALUE = /^[!-~]([ -~]*[!-~])?$/

/** Names that were seen to be plain: there are a few dozen, and each call sets ten of them. */
const plainNames = new Set<string>()
const MOST_NAMES = 500

function isPlainName(name: string): boolean {
  if (plainNames.has(name)) return true
  const isPlain = PLAIN_NAME.test(name)
  if (isPlain && plainNames.size < MOST_NAMES) plainNames.add(name)
  return isPlain
}

const NONE = new Headers()

class HeadersAtRest implements Headers {
  readonly #base: Headers
  readonly #own = new Map<string, string>()
  /** All names in order, until one more comes: the SDK's log reads all headers twice. */
  #names: string[] | undefined
  /** The usual kind of Headers, once somebody does with them what is unusual. */
  #usual: Headers | undefined

  constructor(base = NONE) {
    this.#base = base
  }

  /** One more, which may have come before. */
  bring(name: string, value: string) {
    if (this.#usual === undefined && isPlainName(name) && PLAIN_VALUE.test(value) && !this.#own.has(name))
      this.#put(name, value)
    else this.#asUsual().append(name, value)
  }

  get(name: string) {
    if (this.#usual !== undefined) return this.#usual.get(name)
    return this.#own.get(String(name).toLowerCase()) ?? this.#base.get(name)
  }

  has(name: string) {
    if (this.#usual !== undefined) return this.#usual.has(name)
    return this.#own.has(String(name).toLowerCase()) || this.#base.has(name)
  }

  set(name: string, value: string) {
    if (this.#usual === undefined && isPlainName(name) && PLAIN_VALUE.test(value)) this.#put(name, value)
    else this.#asUsual().set(name, value)
  }

  append(name: string, value: string) {
    this.#asUsual().append(name, value)
  }

  delete(name: string) {
    this.#asUsual().delete(name)
  }

  getSetCookie() {
    return this.#asUsual().getSetCookie()
  }

  forEach(callback: (value: string, name: string, parent: Headers) => void, self?: unknown) {
    for (const [name, value] of this) callback.call(self, value, name, this)
  }

  entries() {
    return (this.#usual?.entries() ?? this.#sorted().values()) as HeadersIterator<[string, string]>
  }

  keys() {
    return this.#asUsual().keys()
  }

  values() {
    return this.#asUsual().values()
  }

  [Symbol.iterator]() {
    return this.entries()
  }

  [inspect.custom]() {
    return this.#asUsual()
  }

  #put(name: string, value: string) {
    this.#own.set(name, value)
    this.#names = undefined
  }

  #sorted(): [string, string][] {
    if (this.#base !== NONE) {
      const list = [...this.#own]
      for (const header of this.#base) if (!this.#own.has(header[0])) list.push(header)
      return list.sort(byName)
    }
    this.#names ??= [...this.#own.keys()].sort()
    return this.#names.map((name) => [name, this.#own.get(name) ?? ''])
  }

  #asUsual(): Headers {
    if (this.#usual === undefined) {
      this.#usual = new Headers(this.#base)
      for (const [name, value] of this.#own) this.#usual.set(name, value)
    }
    return this.#usual
  }
}

/** Without destructuring, which iterates: every call's headers are sorted for the SDK's log. */
const byName = (a: [string, string], b: [string, string]) => (a[0] < b[0] ? -1 : 1)

// They are Headers to whoever asks.
Object.setPrototypeOf(HeadersAtRest.prototype, Headers.prototype)
Object.defineProperty(HeadersAtRest, 'name', { value: 'Headers' })
