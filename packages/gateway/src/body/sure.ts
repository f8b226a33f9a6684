import { isSet, type Json, type JsonObject } from '../core/json.ts'

/** Thrown, and caught by `whereSure`, if readers could assemble a stream differently. */
const UNSURE = new Error('unsure')

/** Gives up unless `condition` holds. */
export function sure(condition: boolean): asserts condition {
  if (!condition) throw UNSURE
}

/** Returns the result of `read`; `undefined` if it gave up. */
export function whereSure<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error === UNSURE) return undefined
    throw error
  }
}

/** Reads an own member: names such as `constructor` are data. */
export const own = (from: JsonObject, name: string): Json | undefined =>
  Object.hasOwn(from, name) ? from[name] : undefined

/** Sets a member. Gives up on `__proto__`, which no answer needs. */
export function set(into: JsonObject, name: string, value: Json): void {
  sure(name !== '__proto__')
  into[name] = value
}

/** Returns a text; `undefined` if it is absent. Gives up on another type. */
export function text(value: Json | undefined): string | undefined {
  sure(!isSet(value) || typeof value === 'string')
  return typeof value === 'string' ? value : undefined
}

/** Gives up on a second value of a name: the SDK replaces it, other readers append it. */
export function saidOnce(known: string, more: string | undefined): string {
  sure(known === '' || !more)
  return known || (more ?? '')
}
