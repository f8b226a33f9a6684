import { guarded } from '../util/faults.ts'
import { nativeHeaders } from './native-headers.ts'

/** A fault costs the immutability of headers, never the answer. */
const ignored = () => undefined
const HEADERS = 'headers of an answer'

/**
 * Collects the headers of an answer: the gateway's over those of upstream, which are not copied. Native Headers check and
 * convert each header at each step; these create them once, for the caller.
 */
export function layeredHeaders(base?: Headers): LayeredHeaders {
  return new LayeredHeaders(base)
}

/** Creates headers of a connection's raw list: names and values alternately. */
export function headersFromRaw(raw: readonly (Buffer | string)[]): LayeredHeaders {
  const headers = new LayeredHeaders()
  for (let at = 0; at + 1 < raw.length; at += 2)
    headers.bring(latin1(raw[at]).toLowerCase(), latin1(raw[at + 1]))
  return headers
}

const latin1 = (text: Buffer | string = '') => (typeof text === 'string' ? text : text.toString('latin1'))

/** Names that need no checking or converting. All others, and their errors, are left to native Headers. */
const PLAIN_NAME = /^[a-z0-9-]+$/
const PLAIN_VALUE = /^[!-~]([ -~]*[!-~])?$/

/** Names known to be plain: there are a few dozen, and each call sets about ten. */
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
  /** Native Headers, created for the first use that a name and a value each do not serve. */
  #native: Headers | undefined

  constructor(base = NONE) {
    this.#base = base
  }

  /** Appends a value to a header. */
  bring(name: string, value: string) {
    if (this.#native === undefined && isPlainName(name) && PLAIN_VALUE.test(value) && !this.#own.has(name))
      this.#own.set(name, value)
    else this.#asUsual().append(name, value)
  }

  get(name: string) {
    if (this.#native !== undefined) return this.#native.get(name)
    return this.#own.get(String(name).toLowerCase()) ?? this.#base.get(name)
  }

  has(name: string) {
    if (this.#native !== undefined) return this.#native.has(name)
    return this.#own.has(String(name).toLowerCase()) || this.#base.has(name)
  }

  set(name: string, value: string) {
    if (this.#native === undefined && isPlainName(name) && PLAIN_VALUE.test(value)) this.#own.set(name, value)
    else this.#asUsual().set(name, value)
  }

  /** Sets a header of the gateway's own, whose name and value need no checks. */
  put(name: string, value: string) {
    if (this.#native === undefined) this.#own.set(name, value)
    else this.#native.set(name, value)
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

  /** Creates native Headers that share nothing with these. */
  native(isMutable = false): Headers {
    const isAlone = this.#base === NONE && this.#native === undefined
    const plain = isAlone ? this.#own : new Map<string, string>()
    if (isAlone || this.#gather(plain))
      return (
        guarded(() => nativeHeaders(plain, isMutable), ignored, HEADERS) ??
        new Headers(Object.fromEntries(plain))
      )
    const headers = this.#asUsual()
    return (isMutable ? undefined : guarded(() => nativeHeaders(headers, false), ignored, HEADERS)) ?? headers
  }

  /** Returns `false` if a name and a value each cannot express them. */
  #gather(into: Map<string, string>): boolean {
    const base = this.#base
    if (this.#native !== undefined) return false
    if (base instanceof LayeredHeaders ? !base.#gather(into) : base !== NONE && !gatherNative(base, into))
      return false
    for (const [name, value] of this.#own) into.set(name, value)
    return true
  }

  #asUsual(): Headers {
    if (this.#native === undefined) {
      this.#native = new Headers(this.#base)
      for (const [name, value] of this.#own) this.#native.set(name, value)
    }
    return this.#native
  }
}

/** Sets a header as `put` does; on Headers of another kind with their checks. */
export const putHeader = (headers: Headers, name: string, value: string): void =>
  headers instanceof LayeredHeaders ? headers.put(name, value) : headers.set(name, value)

/** The same for native Headers. Only cookies can have several values. */
function gatherNative(headers: Headers, into: Map<string, string>): boolean {
  headers.forEach((value, name) => void into.set(name, value))
  return !into.has('set-cookie')
}
