import { isSet, type Json, type JsonObject, object } from '../../core/json.ts'

/** How many answers a request asks for: `undefined` where it does not say, and NaN where that is no count. */
export function wanted({ n }: JsonObject): number | undefined {
  if (!isSet(n)) return undefined
  return Number.isSafeInteger(n) && (n as number) > 0 ? (n as number) : Number.NaN
}

/** Whether there are items, `count` of them where that is known, one for each index from 0 on, in any order. */
export function areComplete(items: readonly Json[], count: number | undefined): boolean {
  if (items.length === 0 || (count !== undefined && items.length !== count)) return false
  const indexes = new Set(items.map((item) => object(item).index))
  return items.every((_, index) => indexes.has(index))
}

export const isWritten = (text: Json | undefined): text is string =>
  typeof text === 'string' && text.trim() !== ''
