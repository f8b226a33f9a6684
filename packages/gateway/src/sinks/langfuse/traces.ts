import { LRUCache } from 'lru-cache'
import type { Observation } from './observation.ts'

/** As many traces as may have calls under way, or waiting, at once. */
const MAX_TRACES = 5_000

/**
 * Which call's question and answer a trace shows, where the server keeps one of each: the question of the call that began
 * first, the answer of the one that ended last. Of traces that this process has not seen for long, the call's own.
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
