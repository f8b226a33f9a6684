import type { Call } from '../core/call.ts'
import { withoutResponse } from '../core/recording.ts'
import type { Refusal } from '../core/refusal.ts'
import type { Reply } from '../core/reply.ts'
import { UNBILLED } from '../core/usage.ts'
import type { Outcome, PriorityQueue, QueuedCall } from './priority-queue.ts'

/** How long a call waits, and in which order. */
export type WaitPolicy = { priority: number; until: number; maxQueued: number }

/** `undefined`: this call does not wait. What the call says beats the client's option, which beats the policy. */
export function waitPolicyOf({ caller, controls, arrivedAt }: Call): WaitPolicy | undefined {
  if ((controls.onLimit ?? caller.onLimit) !== 'wait') return undefined
  return { priority: caller.priority, until: arrivedAt + caller.maxWaitMs, maxQueued: caller.maxQueued }
}

/** Stands in line, and writes into the call's record for how long. */
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

/** Its caller left before anything was asked: nothing was sent, and nothing is owed. */
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
