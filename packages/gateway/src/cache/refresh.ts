import type { Call, Handler } from '../core/call.ts'
import { afterwards } from '../core/call-state.ts'
import { detached, type Fault } from '../util/faults.ts'
import { signalAfter } from '../util/timers.ts'

/** A refresh that takes longer has failed; the next hit may try again. */
const PATIENCE_MS = 120_000

/** So many at a time; hits on other stale answers go without. */
const MAX_AT_ONCE = 16

/**
 * Asks again in the background what was answered with a stale answer, once at a time for each question. It is a call
 * of its own, with a record and a bill of its own, under the caller's limits; nobody hears of its failure but the
 * record.
 */
export function createRefresher(refresh: Handler, fault: Fault) {
  const underWay = new Set<string>()

  return function revalidate(key: string, call: Call): void {
    if (underWay.has(key) || underWay.size >= MAX_AT_ONCE) return
    underWay.add(key)
    const signal = signalAfter(PATIENCE_MS)
    const view = { ...call.view, signal }
    const again: Call = {
      ...call,
      attempt: 0,
      state: afterwards(call.state),
      view,
      signal,
      outbound: { ...call.outbound, headers: firstAttempt(call.outbound.headers) },
      revalidates: true,
    }
    detached(
      read(again).finally(() => underWay.delete(key)),
      fault,
      'a refresh',
    )
  }

  /** To its end, as any caller would: what is not read is not finished. */
  async function read(call: Call): Promise<void> {
    try {
      const { recording } = await refresh(call)
      const response = await recording.open(call.view, () => undefined)
      await response.arrayBuffer()
    } catch {
      // It is in the record.
    }
  }
}

function firstAttempt(sent: Headers): Headers {
  const headers = new Headers(sent)
  if (headers.has('x-stainless-retry-count')) headers.set('x-stainless-retry-count', '0')
  return headers
}
