import type { CacheEntry } from '../cache-entry/entry.ts'
import { hit } from '../cache-entry/hit.ts'
import type { Call } from '../core/call.ts'
import type { Reply } from '../core/reply.ts'
import { keysOf } from '../fingerprint/key.ts'

/**
 * Renders a stale answer for a failed call, under the policy and switches in force now, which may differ from those
 * when it was found.
 */
export function staleFallback(entry: CacheEntry, key: string, call: Call): Reply | undefined {
  if (!isStillAllowed(key, call)) return undefined
  const now = { ...call, ...call.inForce() }
  const { exact } = now.caller
  if (exact === undefined) return undefined
  const staleSeconds = (Date.now() - entry.freshUntil) / 1_000
  return staleSeconds < exact.staleIfErrorSeconds ? hit(entry, key, now, 'stale') : undefined
}

/** Whether a call that began now would get the same key. */
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
