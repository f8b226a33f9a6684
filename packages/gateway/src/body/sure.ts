import { isSet, type Json, type JsonObject } from '../core/json.ts'

/** Thrown, and caught by `whereSure`, where a stream could be added up in more than one way. */
const UNSURE = new Error('unsure')

/** Gives up where `condition` does not hold. */
export function sure(condition: boolean): asserts condition {
  if (!condition) throw UNSURE
}

/** What `read` returns; `undefined` where it gave up. */
export function whereSure<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error === UNSURE) return undefined
    throw error
  }
}

/** The object's own member: `constructor` and the like are names as any other. */
export const own = (from: JsonObject, name: string): Json | undefined =>
  Object.hasOwn(from, name) ? from[name] : undefined

/** Sets a member. `__proto__` is no name that an answer needs: it is given up on. */
export function set(into: JsonObject, name: string, value: Json): void {
  sure(name !== '__proto__')
  into[name] = value
}

/** The text, or `undefined` where there is none. What should be text and is not is given up on. */
export function text(value: Json | undefined): string | undefined {
  sure(!isSet(value) || typeof value === 'string')
  return typeof value === 'string' ? value : undefined
}

/** A name. Where it is told again, the SDK replaces it, and a reader who joins what chunks say has it twice. */
export function saidOnce(known: string, more: string | undefined): string {
  sure(known === '' || !more)
  return known || (more ?? '')
}
