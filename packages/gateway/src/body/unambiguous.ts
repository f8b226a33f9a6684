import { isSet, type Json, type JsonObject } from '../core/json.ts'

/** Thrown, and caught by `ifUnambiguous`, if readers could assemble a stream differently. */
const AMBIGUOUS = new Error('ambiguous')

/** Gives up unless `condition` holds. */
export function ensure(condition: boolean): asserts condition {
  if (!condition) throw AMBIGUOUS
}

/** Returns the result of `read`; `undefined` if it gave up. */
export function ifUnambiguous<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error === AMBIGUOUS) return undefined
    throw error
  }
}

/** Reads an own member: names such as `constructor` are data. */
export const ownMember = (from: JsonObject, name: string): Json | undefined =>
  Object.hasOwn(from, name) ? from[name] : undefined

/** Sets a member. Gives up on `__proto__`, which no answer needs. */
export function setMember(into: JsonObject, name: string, value: Json): void {
  ensure(name !== '__proto__')
  into[name] = value
}

/** Returns a text; `undefined` if it is absent. Gives up on another type. */
export function optionalText(value: Json | undefined): string | undefined {
  ensure(!isSet(value) || typeof value === 'string')
  return typeof value === 'string' ? value : undefined
}

/** Gives up on a second value of a name: the SDK replaces it, other readers append it. */
export function atMostOnce(known: string, more: string | undefined): string {
  ensure(known === '' || !more)
  return known || (more ?? '')
}
