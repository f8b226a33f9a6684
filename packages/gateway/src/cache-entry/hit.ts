import { replay } from '../body/replay.ts'
import type { Call } from '../core/call.ts'
import type { Recording } from '../core/recording.ts'
import type { Reply } from '../core/reply.ts'
import { withEcho } from '../fingerprint/echo.ts'
import { OPERATIONS } from '../operations/operations.ts'
import type { CacheEntry } from './entry.ts'

/** Renders a stored answer for this caller. `undefined`: it cannot be replayed, so upstream has to be asked. */
export function hit(
  entry: CacheEntry,
  key: string,
  call: Call,
  via: 'exact' | 'stale' | 'flight' | 'semantic',
): Reply | undefined {
  const recording = replayEntry(entry, call)
  if (recording === undefined) return undefined
  const reply: Reply = { via, key, model: entry.model, route: call.route, recording }
  // A caller that waited for the answer gets it as new.
  if (via !== 'flight') reply.ageMs = Math.max(0, Date.now() - entry.storedAt)
  return reply
}

/** An entry that cannot be parsed, or is nested too deeply, counts as not stored. */
function replayEntry(entry: CacheEntry, call: Call): Recording | undefined {
  const { operation, outbound, view } = call
  try {
    return replay(
      OPERATIONS[operation].echoesRequest ? withCallerEcho(entry, call) : entry,
      operation,
      outbound.url,
      view,
    )
  } catch {
    return undefined
  }
}

const withCallerEcho = (entry: CacheEntry, call: Call): CacheEntry => ({
  ...entry,
  text: withEcho(entry.text, JSON.parse(entry.text), call.body),
})
