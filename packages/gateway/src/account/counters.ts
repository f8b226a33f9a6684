import { nanoUsd } from '../core/money.ts'
import type { CacheState, CallRecord } from '../core/record.ts'

/** Totals over all calls since the gateway was made. Dollars are US dollars. */
export type CallCounters = {
  /** Calls with a record: those of agents, and those that the semantic cache makes for them (`purpose`). */
  calls: number
  /** Calls whose record is not written yet. */
  pending: number
  ok: number
  refused: number
  aborted: number
  failed: number
  /** Calls that are waiting for a limit now. */
  waiting: number
  /** Calls that had to wait for a limit, however they ended. */
  waited: number
  cache: Record<CacheState, number>
  escalated: number
  failovers: number
  /** Requests that left for upstream, retries included. */
  upstream: number
  /** Requests on paths that are not governed. */
  passedThrough: number
  inputTokens: number
  outputTokens: number
  costUsd: number
  savedUsd: number
  /** Calls whose cost is unknown because the model has no known price. */
  unpriced: number
  /** Faults of the gateway's own code that calls survived. Any value but 0 is worth a report. */
  faults: number
  /** Hooks (`onCall`, `waitUntil`) that threw or rejected. */
  hookErrors: number
  /** Calls that Redis did not fully serve. */
  degraded: number
}

export function createCounters() {
  const counts: CallCounters = {
    calls: 0,
    pending: 0,
    ok: 0,
    refused: 0,
    aborted: 0,
    failed: 0,
    waiting: 0,
    waited: 0,
    cache: { exact: 0, semantic: 0, flight: 0, miss: 0, bypass: 0, stale: 0 },
    escalated: 0,
    failovers: 0,
    upstream: 0,
    passedThrough: 0,
    inputTokens: 0,
    outputTokens: 0,
    costUsd: 0,
    savedUsd: 0,
    unpriced: 0,
    faults: 0,
    hookErrors: 0,
    degraded: 0,
  }
  // Dollars are summed in whole billionths; a sum of floats drifts.
  let cost = 0
  let saved = 0

  function count(record: CallRecord) {
    counts.calls += 1
    counts[record.status] += 1
    counts.cache[record.cache] += 1
    if (record.degraded !== undefined) counts.degraded += 1
    if (record.waitedMs !== undefined) counts.waited += 1
    if (record.route === 'escalated') counts.escalated += 1
    if (record.route === 'failover') counts.failovers += 1
    counts.upstream += record.attempts.length
    if (record.cache === 'miss' || record.cache === 'bypass') {
      counts.inputTokens += record.usage?.input ?? 0
      counts.outputTokens += record.usage?.output ?? 0
    }
    if (record.costUsd === undefined) counts.unpriced += 1
    cost += nanoUsd(record.costUsd ?? 0)
    saved += nanoUsd(record.savedUsd ?? 0)
    counts.costUsd = cost / 1e9
    counts.savedUsd = saved / 1e9
  }

  return {
    counts,
    count,
    snapshot: (): CallCounters => ({ ...counts, cache: { ...counts.cache } }),
  }
}

export type Counters = ReturnType<typeof createCounters>
