import { replay } from '../body/replay.ts'
import type { Call } from '../core/call.ts'
import type { Recording } from '../core/recording.ts'
import type { Reply } from '../core/reply.ts'
import { withEcho } from '../fingerprint/echo.ts'
import type { CacheEntry } from './entry.ts'

/** A stored answer, as this caller would have got it. `undefined` where it cannot be given: upstream has to be asked. */
export function hit(
  entry: CacheEntry,
  key: string,
  call: Call,
  via: 'exact' | 'stale' | 'flight' | 'semantic',
): Reply | undefined {
  const recording = replayed(entry, call)
  if (recording === undefined) return undefined
  return {
    via,
    key,
    model: entry.model,
    route: call.route,
    // Who waited for an answer got it new.
    ...(via === 'flight' ? {} : { ageMs: Math.max(0, Date.now() - entry.storedAt) }),
    recording,
  }
}

/** What cannot be read, or is nested deeper than the stack is here, is as good as not stored. */
function replayed(entry: CacheEntry, call: Call): Recording | undefined {
  const { operation, outbound: outgoing, view } = call
  try {
    return replay(operation === 'responses' ? echoed(entry, call) : entry, operation, outgoing.url, view)
  } catch {
    return undefined
  }
}

const echoed = (entry: CacheEntry, call: Call): CacheEntry => ({
  ...entry,
  text: withEcho(entry.text, JSON.parse(entry.text), call.body),
})
