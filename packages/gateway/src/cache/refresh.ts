import type { Call, Handler } from '../core/call.ts'
import { forkCallState } from '../core/call-state.ts'
import { detached, type Fault } from '../util/faults.ts'
import { signalAfter } from '../util/timers.ts'

/** Milliseconds after which a refresh counts as failed; the next hit may try again. */
const REFRESH_TIMEOUT_MS = 120_000

/** Concurrent refreshes; hits on further stale entries start none. */
const MAX_CONCURRENT = 16

/**
 * Creates the background refresh of stale answers, one at a time per key. A refresh is a call of its own, with its
 * own record and cost, under the caller's limits; its failure shows only in the record.
 */
export function createRefresher(refresh: Handler, fault: Fault) {
  const inFlight = new Set<string>()

  return function revalidate(key: string, call: Call): void {
    if (inFlight.has(key) || inFlight.size >= MAX_CONCURRENT) return
    inFlight.add(key)
    const signal = signalAfter(REFRESH_TIMEOUT_MS)
    const view = { ...call.view, signal }
    const again: Call = {
      ...call,
      attempt: 0,
      state: forkCallState(call.state),
      view,
      signal,
      outbound: { ...call.outbound, headers: firstAttempt(call.outbound.headers) },
      revalidates: true,
    }
    detached(
      read(again).finally(() => inFlight.delete(key)),
      fault,
      'a refresh',
    )
  }

  /** Reads to the end: an answer that is not read does not complete. */
  async function read(call: Call): Promise<void> {
    try {
      const { recording } = await refresh(call)
      const response = await recording.open(call.view, () => undefined)
      await response.arrayBuffer()
    } catch {
      // The failure is in the record.
    }
  }
}

function firstAttempt(sent: Headers): Headers {
  const headers = new Headers(sent)
  if (headers.has('x-stainless-retry-count')) headers.set('x-stainless-retry-count', '0')
  return headers
}
