import { sealed } from './sealed.ts'

/**
 * Collects the headers of an answer: over those of upstream, which are not copied, some of the gateway's. Every header that goes
 * through the usual kind is checked and converted each time; from these it is made once, for the caller.
 */
export function layeredHeaders(base?: Headers): LayeredHeaders {
  return new LayeredHeaders(base)
}

/** Headers as a connection brought them: names and values in turns. */
export function headersFromRaw(raw: readonly (Buffer | string)[]): LayeredHeaders {
  const headers = new LayeredHeaders()
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

export class LayeredHeaders implements Headers {
  readonly #base: Headers
  readonly #own = new Map<string, string>()
  /** The usual kind of Headers, once somebody does with them what is unusual. */
  #usual: Headers | undefined

  constructor(base = NONE) {
    this.#base = base
  }

  /** One more, which may have come before. */
  bring(name: string, value: string) {
    if (this.#usual === undefined && isPlainName(name) && PLAIN_VALUE.test(value) && !this.#own.has(name))
      this.#own.set(name, value)
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
    if (this.#usual === undefined && isPlainName(name) && PLAIN_VALUE.test(value)) this.#own.set(name, value)
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
    return this.#asUsual().entries()
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

  /** The same headers as the usual kind, of which nothing else knows; unless `mutable`, such as can only be read. */
  native(mutable = false): Headers {
    const isAlone = this.#base === NONE && this.#usual === undefined
    const plain = isAlone ? this.#own : new Map<string, string>()
    if (!isAlone && !this.#gather(plain))
      return (mutable ? undefined : sealed(this.#asUsual())) ?? this.#asUsual()
    return (mutable ? undefined : sealed(plain)) ?? new Headers(Object.fromEntries(plain))
  }

  /** False: they cannot be told by a name and a value each. */
  #gather(into: Map<string, string>): boolean {
    const base = this.#base
    if (this.#usual !== undefined) return false
    if (base !== NONE && !(base instanceof LayeredHeaders && base.#gather(into))) return false
    for (const [name, value] of this.#own) into.set(name, value)
    return true
  }

  #asUsual(): Headers {
    if (this.#usual === undefined) {
      this.#usual = new Headers(this.#base)
      for (const [name, value] of this.#own) this.#usual.set(name, value)
    }
    return this.#usual
  }
}
