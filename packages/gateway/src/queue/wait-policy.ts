import type { Call } from '../core/call.ts'
import { withoutResponse } from '../core/recording.ts'
import type { Refusal } from '../core/refusal.ts'
import type { Reply } from '../core/reply.ts'
import { UNBILLED } from '../core/usage.ts'
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
  line: PriorityQueue,
  { signal, state: origin }: Call,
  { priority, until }: WaitPolicy,
  { ask, undo }: Pick<QueuedCall, 'ask' | 'undo'>,
): Promise<{ outcome: Outcome; waitedMs: number }> {
  const since = performance.now()
  const outcome = await line.wait({ priority, until, signal, ask, undo })
  const waitedMs = performance.now() - since
  if (origin.draft !== undefined) origin.draft.waitedMs += waitedMs
  return { outcome, waitedMs }
}

/** Reply to a caller that left before anything was sent: nothing is owed. */
export function abortedReply({ signal, model, route }: Call): Reply {
  const ended = Promise.resolve({ type: 'aborted' as const, usage: UNBILLED })
  return { via: 'upstream', model, route, recording: withoutResponse(signal.reason, ended) }
}

export function queueFull({ caller }: Call, line: PriorityQueue): Refusal {
  const message =
    `${caller.maxQueued} calls are waiting already, which is as many as team ${caller.team}'s policy allows ` +
    `(maxQueued). (agent ${caller.agent})`
  const retryAfterMs = Math.max(1_000, line.pausedUntil() - performance.now())
  return { code: 'gateway_queue_full', message, retryAfterMs, headers: { 'x-gateway-limit': 'queue' } }
}
