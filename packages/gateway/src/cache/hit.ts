import { replay } from '../body/replay.ts'
import type { Call, Reply } from '../call.ts'
import { withEcho } from './echo.ts'
import type { CacheEntry } from './store.ts'

/** A stored answer, as this caller would have got it. */
export function hit(
  entry: CacheEntry,
  key: string,
  call: Call,
  via: 'exact' | 'stale' | 'flight' | 'semantic',
): Reply {
  const answer = call.operation === 'responses' ? echoed(entry, call) : entry
  return {
    via,
    key,
    model: entry.model,
    route: call.route,
    // Who waited for an answer got it new.
    ...(via === 'flight' ? {} : { ageMs: Math.max(0, Date.now() - entry.storedAt) }),
    recording: replay(answer, call.operation, call.outgoing.url),
  }
}

const echoed = (entry: CacheEntry, call: Call): CacheEntry => ({
  ...entry,
  text: withEcho(entry.text, JSON.parse(entry.text), call.body),
})
