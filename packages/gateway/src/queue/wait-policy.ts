import type { Call } from '../core/call.ts'
import type { Refusal } from '../core/refusal-codes.ts'
import { counted } from '../util/counted.ts'
import type { Outcome, PriorityQueue, QueuedCall } from './priority-queue.ts'

/** How a call waits: its priority, its deadline by `performance.now()`, and the capacity of the queue. */
export type WaitPolicy = { priority: number; until: number; maxQueued: number }

/**
 * Returns how the call waits; `undefined`: it does not. The call's own control overrides the client's option, which
 * overrides the policy.
 */
export function waitPolicyOf({ caller, controls, arrivedAt }: Call): WaitPolicy | undefined {
  if ((controls.onLimit ?? caller.onLimit) !== 'wait') return undefined
  return { priority: caller.priority, until: arrivedAt + caller.maxWaitMs, maxQueued: caller.maxQueued }
}

/** Waits in the queue, and adds the waiting time to the call's record. */
export async function waitInQueue(
  queue: PriorityQueue,
  { signal, state }: Call,
  { priority, until }: WaitPolicy,
  { tryAdmit, undo }: Pick<QueuedCall, 'tryAdmit' | 'undo'>,
): Promise<{ outcome: Outcome; waitedMs: number }> {
  const since = performance.now()
  const outcome = await queue.wait({ priority, until, signal, tryAdmit, undo })
  const waitedMs = performance.now() - since
  if (state.draft !== undefined) state.draft.waitedMs += waitedMs
  return { outcome, waitedMs }
}

export function queueFull({ caller }: Call, queue: PriorityQueue): Refusal {
  const message =
    `${counted(caller.maxQueued, 'call is', 'calls are')} waiting already, the most that team ${caller.team}'s policy allows ` +
    `(maxQueued). (agent ${caller.agent})`
  const retryAfterMs = Math.max(1_000, queue.pausedUntil() - performance.now())
  return { code: 'gateway_queue_full', message, retryAfterMs, headers: { 'x-gateway-limit': 'queue' } }
}
