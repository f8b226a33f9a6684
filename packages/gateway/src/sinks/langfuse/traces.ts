import { LRUCache } from 'lru-cache'
import type { Observation } from './observation.ts'

/** Traces with calls in progress or queued at the same time. */
const MAX_TRACES = 5_000

/**
 * Creates a function that decides which call sets a trace's input and output: the first call to begin, and the last to
 * end. For a trace that is no longer remembered (LRU), the call sets both.
 */
export function createTraceEnds() {
  const traces = new LRUCache<string, { startMs: number; endMs: number }>({ max: MAX_TRACES })

  return function endsOf({ traceId, startMs, endMs }: Observation): { first: boolean; last: boolean } {
    const known = traces.get(traceId)
    const first = known === undefined || startMs < known.startMs
    const last = known === undefined || endMs >= known.endMs
    traces.set(traceId, {
      startMs: first ? startMs : known.startMs,
      endMs: last ? endMs : known.endMs,
    })
    return { first, last }
  }
}
