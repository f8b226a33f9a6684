import { randomUUID } from 'node:crypto'
import type { Call, Handler, SharedEntry, Stage } from '../core/call.ts'
import { abortedReply, type Reply } from '../core/reply.ts'
import { backoffMs, jittered } from '../util/backoff.ts'
import { detached, type Fault } from '../util/faults.ts'
import { LEASE_MS, type Lease, type Leases, leaseKeyOf, OUTCOME_TTL_MS, type Outcome } from './lease.ts'
import type { FlightEvents, FlightWaiter } from './notifications.ts'

/** Counts of calls that another process may have been asking at the same time. */
export type CrossProcessStats = {
  /** Asked upstream for all processes. */
  leaders: number
  /** Leaders that took over because the holder died or aborted. */
  takeovers: number
  /** Got the answer that another process asked for. */
  followers: number
  /** Asked upstream without sharing: there was nothing to share, or not in time. */
  fallbacks: number
}

/**
 * With the subscription, the lease is polled only to detect the holder's death; without it, polling also finds the
 * outcome.
 */
const LEASE_CHECK_MS = LEASE_MS / 2.4
const POLL = { min: 60, max: 600 }

export type CrossProcess = {
  leases: Leases
  events: FlightEvents
  /** Longest wait of a call for other processes, its retries included. */
  waitMs: number
  counts: CrossProcessStats
}

/** Lets one process ask upstream per question (single flight); the others read its answer from the shared cache. */
export function crossProcess({ leases, events, waitMs, counts }: CrossProcess, fault: Fault): Stage {
  return (next) => {
    return async function crossProcess(call) {
      const { sharedEntry } = call
      if (sharedEntry === undefined) return await next(call)
      const key = leaseKeyOf(sharedEntry.key, sharedEntry.epoch)
      const waiter = events.waitFor(key)
      try {
        return await takeOrWait(call, sharedEntry, key, waiter)
      } finally {
        waiter.close()
      }
    }

    async function takeOrWait(
      call: Call,
      sharedEntry: SharedEntry,
      key: string,
      waiter: FlightWaiter,
    ): Promise<Reply> {
      const token = randomUUID()
      const until = call.state.startedAt + waitMs
      for (let attempts = 0; ; attempts += 1) {
        const leaseState = await leases.take(key, token)
        if (leaseState.type === 'ours')
          return await lead(call, sharedEntry, leases.hold(key, token), attempts > 0)
        if (leaseState.type === 'unknown') return await askUpstream(call, attempts > 0)
        const outcome =
          leaseState.type === 'over'
            ? leaseState.outcome
            : await waitForHolder(call, waiter, leaseState.token, until, attempts)
        if (call.signal.aborted) return abortedReply(call)
        if (outcome === 'unfit' || outcome === 'failed') return await askUpstream(call, true)
        if (outcome === 'kept') return await follow(call, sharedEntry)
        if (performance.now() >= until) return await askUpstream(call, true)
      }
    }

    /** Waits for the holder; `undefined`: try the lease again. */
    async function waitForHolder(
      call: Call,
      waiter: FlightWaiter,
      token: string,
      until: number,
      attempts: number,
    ) {
      const intervalMs = events.isListening() ? jittered(LEASE_CHECK_MS) : backoffMs(attempts + 1, POLL)
      const left = until - performance.now()
      return left <= 0
        ? undefined
        : await waiter.waitForOutcome(token, Math.min(intervalMs, left), call.signal)
    }

    async function follow(call: Call, sharedEntry: SharedEntry): Promise<Reply> {
      const reply = await sharedEntry.read()
      if (reply === undefined) return await askUpstream(call, true)
      counts.followers += 1
      return reply
    }

    async function askUpstream(call: Call, isFallback: boolean): Promise<Reply> {
      if (isFallback) counts.fallbacks += 1
      return await next(call)
    }

    async function lead(
      call: Call,
      sharedEntry: SharedEntry,
      lease: Lease,
      takesOver: boolean,
    ): Promise<Reply> {
      if (call.signal.aborted) {
        lease.end('left')
        return abortedReply(call)
      }
      // Another process may have stored its answer since this call's lookup: a holder whose lease expired, or one
      // whose outcome expired while this process was stalled.
      const reply = takesOver || isLate(call) ? await sharedEntry.read() : undefined
      if (reply !== undefined) {
        lease.end('kept')
        counts.followers += 1
        return reply
      }
      counts.leaders += 1
      if (takesOver) counts.takeovers += 1
      return await underLease(next, call, lease, fault)
    }
  }
}

/** Whether an answer stored after this call's lookup may have left no outcome behind by now. */
const isLate = (call: Call): boolean => performance.now() - call.state.startedAt > OUTCOME_TTL_MS.kept / 2

/** Publishes the outcome in every case. */
async function underLease(next: Handler, call: Call, lease: Lease, fault: Fault): Promise<Reply> {
  let reply: Reply
  try {
    reply = await next(call)
  } catch (error) {
    lease.end('failed')
    throw error
  }
  const { recording, via } = reply
  if (via !== 'upstream' || (recording.status !== undefined && recording.status !== 200)) lease.end('failed')
  const ended = recording.ended.then(({ type }) => {
    if (type === 'complete') lease.complete()
    else lease.end(type === 'aborted' ? 'left' : 'failed')
  })
  detached(ended, fault, 'a shared call')
  return {
    ...reply,
    onStored(kept) {
      lease.end(kept instanceof Promise ? kept.then(outcomeOf) : outcomeOf(kept))
      reply.onStored?.(kept)
    },
  }
}

const outcomeOf = (kept: boolean): Outcome => (kept ? 'kept' : 'unfit')
