import { randomUUID } from 'node:crypto'
import type { Call, Handler, SharedEntry, Stage } from '../core/call.ts'
import { withoutResponse } from '../core/recording.ts'
import type { Reply } from '../core/reply.ts'
import { NO_USAGE } from '../core/usage.ts'
import { detached, type Fault } from '../util/faults.ts'
import { LEASE_MS, type Lease, type Leases, leaseKeyOf, type Outcome } from './lease.ts'
import type { FlightEvents, FlightWaiter } from './notifications.ts'

/** Calls that met, or might have met, the same question from another process. */
export type CrossProcessStats = {
  /** Asked upstream for all processes. */
  leaders: number
  /** Of those, because another that did had died or lost interest. */
  takeovers: number
  /** Got the answer that another process asked for. */
  followers: number
  /** Asked for themselves after all: there was nothing to share, or not in time. */
  fallbacks: number
}

/** Who hears the channel looks only for the holder's death; who does not, looks for the answer, too. */
const HEARING_PACE_MS = LEASE_MS / 3
const DEAF_PACE_MIN_MS = 50
const DEAF_PACE_MAX_MS = 500

export type CrossProcess = {
  leases: Leases
  events: FlightEvents
  /** A call waits no longer than this for others, its retries included. */
  waitMs: number
  counts: CrossProcessStats
}

/** Of all processes that ask the same thing, one asks upstream; the others find its answer in the shared cache. */
export function crossProcess({ leases, events: news, waitMs, counts }: CrossProcess, fault: Fault): Stage {
  return (next) => {
    return async function across(call) {
      const { sharedEntry: shelf } = call
      if (shelf === undefined) return await next(call)
      const key = leaseKeyOf(shelf.key, shelf.epoch)
      const watch = news.watch(key)
      try {
        return await meet(call, shelf, key, watch)
      } finally {
        watch.close()
      }
    }

    async function meet(call: Call, shelf: SharedEntry, key: string, watch: FlightWaiter): Promise<Reply> {
      const token = randomUUID()
      const until = call.state.startedAt + waitMs
      for (let looks = 0; ; looks += 1) {
        const standing = await leases.take(key, token)
        if (standing.type === 'ours') return await lead(call, shelf, leases.hold(key, token), looks > 0)
        if (standing.type === 'unknown') return await alone(call, looks > 0)
        const outcome =
          standing.type === 'over' ? standing.outcome : await hear(call, watch, standing.token, until, looks)
        if (call.signal.aborted) return gone(call)
        if (outcome === 'unfit' || outcome === 'failed') return await alone(call, true)
        if (outcome === 'kept') return await follow(call, shelf)
        if (performance.now() >= until) return await alone(call, true)
      }
    }

    /** `undefined`: look again. */
    async function hear(call: Call, watch: FlightWaiter, token: string, until: number, looks: number) {
      const deaf = Math.min(DEAF_PACE_MAX_MS, DEAF_PACE_MIN_MS * 2 ** looks)
      const pace = (news.isHearing() ? HEARING_PACE_MS : deaf) * (0.75 + Math.random() / 2)
      const left = until - performance.now()
      return left <= 0 ? undefined : await watch.outcomeOf(token, Math.min(pace, left), call.signal)
    }

    async function follow(call: Call, shelf: SharedEntry): Promise<Reply> {
      const reply = await shelf.read()
      if (reply === undefined) return await alone(call, true)
      counts.followers += 1
      return reply
    }

    async function alone(call: Call, gaveUp: boolean): Promise<Reply> {
      if (gaveUp) counts.fallbacks += 1
      return await next(call)
    }

    async function lead(call: Call, shelf: SharedEntry, lease: Lease, takesOver: boolean): Promise<Reply> {
      if (call.signal.aborted) {
        lease.end('left')
        return gone(call)
      }
      // Whose lease ran out may have put its answer there before.
      const reply = takesOver ? await shelf.read() : undefined
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

/** Whatever comes of it, the others are told. */
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
    if (type === 'complete') lease.stopRenewing()
    else lease.end(type === 'aborted' ? 'left' : 'failed')
  })
  detached(ended, fault, 'a shared call')
  return {
    ...reply,
    onStored(kept) {
      lease.end(kept instanceof Promise ? kept.then(word) : word(kept))
      reply.onStored?.(kept)
    },
  }
}

const word = (kept: boolean): Outcome => (kept ? 'kept' : 'unfit')

/** Everybody left before anything was asked: nothing was sent, and nothing is owed. */
function gone({ signal, model, route }: Call): Reply {
  const ended = Promise.resolve({ type: 'aborted' as const, usage: NO_USAGE })
  return { via: 'upstream', model, route, recording: withoutResponse(signal.reason, ended) }
}
