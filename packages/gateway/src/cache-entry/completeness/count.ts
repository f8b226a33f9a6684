import { isSet, type Json, type JsonObject, object } from '../../core/json.ts'

/** Returns the requested number of choices; `undefined` if the request sets none, NaN if the value is no count. */
export function requestedCount({ n }: JsonObject): number | undefined {
  if (!isSet(n)) return undefined
  return Number.isSafeInteger(n) && (n as number) > 0 ? (n as number) : Number.NaN
}

/** Whether there are items (`count` of them, if known), one for each index from 0 on, in any order. */
export function areComplete(items: readonly Json[], count: number | undefined): boolean {
  if (items.length === 0 || (count !== undefined && items.length !== count)) return false
  const indexes = new Set(items.map((item) => object(item).index))
  return items.every((_, index) => indexes.has(index))
}

export const isNonBlank = (text: Json | undefined): text is string =>
  typeof text === 'string' && text.trim() !== ''
