import type { Call } from '../core/call.ts'
import type { CacheEntry } from './entry.ts'

/** Whether an entry, fresh or stale, fits this caller's controls and view. */
export function fitsCall(entry: CacheEntry, call: Call): boolean {
  const { stream, includeUsage } = call.view
  return isYoungEnough(entry, call) && (!entry.untold || (stream && !includeUsage))
}

/** The same for a caller that waited for the answer: as in a flight, a non-streaming caller accepts missing usage. */
export function fitsFollower(entry: CacheEntry, call: Call): boolean {
  const { stream, includeUsage } = call.view
  const isFresh = entry.freshUntil > Date.now()
  return isFresh && isYoungEnough(entry, call) && !(entry.untold && stream && includeUsage)
}

function isYoungEnough(entry: CacheEntry, { controls }: Call): boolean {
  const { maxAge } = controls.cache
  return maxAge === undefined || Date.now() - entry.storedAt <= maxAge * 1_000
}
