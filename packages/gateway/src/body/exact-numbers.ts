import { isObject, type Json } from '../core/json.ts'
import { ensure } from './unambiguous.ts'

/** Matches numbers that JSON cannot express again: beyond 1.8e308, or negative zero. */
const ODD_NUMBER = /-0(?![.\d]*[1-9])|[eE][+-]?\d{3}|\d{300}/

/** Gives up if parsed text would change when it is written as JSON again: by numbers beyond 1.8e308, or -0. */
export function ensureExactNumbers(text: string, json: Json): void {
  if (!ODD_NUMBER.test(text)) return
  // Iterative: JSON may be nested deeper than the stack allows.
  const left = [json]
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (typeof next === 'number') ensure(Number.isFinite(next) && !Object.is(next, -0))
    else if (Array.isArray(next)) for (const item of next) left.push(item)
    else if (isObject(next)) for (const name of Object.keys(next)) left.push(next[name] as Json)
  }
}
