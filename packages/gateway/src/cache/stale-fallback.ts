import type { Call } from '../core/call.ts'
import type { Reply } from '../core/reply.ts'
import type { CacheEntry } from '../entry/entry.ts'
import { hit } from '../entry/hit.ts'
import { keysOf } from '../fingerprint/key.ts'

/**
 * A stale answer as one that failed may be given it now: under the policy and the switches of this moment, which are
 * not those that it was found under.
 */
export function staleFallback(entry: CacheEntry, key: string, call: Call): Reply | undefined {
  if (!isStillAllowed(key, call)) return undefined
  const now = { ...call, ...call.inForce() }
  const { exact } = now.caller
  if (exact === undefined) return undefined
  const staleSeconds = (Date.now() - entry.freshUntil) / 1_000
  return staleSeconds < exact.staleIfErrorSeconds ? hit(entry, key, now, 'stale') : undefined
}

/** Whether a key that a call was given at its beginning would be its own if it began now. */
export function isStillAllowed(key: string, call: Call): boolean {
  const present = call.inForce()
  if (present.caller === call.caller && present.policy === call.policy) return !isBarred(call)
  const now = { ...call, ...present }
  if (isBarred(now) || now.caller.exact === undefined) return false
  const keys = keysOf(now)
  return !('bypass' in keys) && keys.exact === key
}

const isBarred = ({ caller }: Call) =>
  caller.refusal !== undefined || !caller.cacheable || caller.mode !== 'embedded'
