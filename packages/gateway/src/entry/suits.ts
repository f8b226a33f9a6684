import type { Call } from '../core/call.ts'
import type { CacheEntry } from './entry.ts'

/** Fresh or stale, is it for this caller? */
export function suits(entry: CacheEntry, call: Call): boolean {
  const { stream, includeUsage } = call.view
  return isYoungEnough(entry, call) && (!entry.untold || (stream && !includeUsage))
}

/** As in flight, who wants it whole can do without its usage. */
export function suitsFollower(entry: CacheEntry, call: Call): boolean {
  const { stream, includeUsage } = call.view
  const isFresh = entry.freshUntil > Date.now()
  return isFresh && isYoungEnough(entry, call) && !(entry.untold && stream && includeUsage)
}

function isYoungEnough(entry: CacheEntry, { controls }: Call): boolean {
  const { maxAge } = controls.cache
  return maxAge === undefined || Date.now() - entry.storedAt <= maxAge * 1_000
}
