import type { Recording } from '../body/recording.ts'
import { replay } from '../body/replay.ts'
import type { Call, Reply } from '../call.ts'
import { withEcho } from './echo.ts'
import type { CacheEntry } from './store.ts'

/** A stored answer, as this caller would have got it. `undefined` where it cannot be given: upstream has to be asked. */
export function hit(
  entry: CacheEntry,
  key: string,
  call: Call,
  via: 'exact' | 'stale' | 'flight' | 'semantic',
): Reply | undefined {
  const recording = replayed(entry, call)
  if (recording === undefined) return undefined
  const reply: Reply = { via, key, model: entry.model, route: call.route, recording }
  // Who waited for an answer got it new.
  if (via !== 'flight') reply.ageMs = Math.max(0, Date.now() - entry.storedAt)
  return reply
}

/** What cannot be read, or is nested deeper than the stack is here, is as good as not stored. */
function replayed(entry: CacheEntry, call: Call): Recording | undefined {
  const { operation, outgoing, view } = call
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
