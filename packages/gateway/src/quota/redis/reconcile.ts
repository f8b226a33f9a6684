import { RedisUnavailable } from '../../redis/connection.ts'
import { isInstance } from '../../util/error-text.ts'
import { detached, type Fault, attempt as guardedly } from '../../util/faults.ts'
import { settlesWithin } from '../../util/timeout.ts'
import { clearTimer, setTimer } from '../../util/timers.ts'
import type { Reservation, Settlement } from '../store.ts'

/** A write that Redis may not have received. The reservation's id makes it idempotent. `at`: monotonic time, in milliseconds. */
export type PendingWrite =
  | { kind: 'admitted'; team: string; id: string; at: number; reservation: Reservation }
  | { kind: 'settled'; team: string; id: string; at: number; settlement: Settlement }

type Entry = PendingWrite & {
  /** Time of the first attempt, in milliseconds: from then on it may have arrived without a reply. Absent before. */
  sentAt?: number
}

const MOST = 10_000
const BATCH = 64
const WORK = 'pending writes to Redis'
const PATIENCE_MS = 250
/** Age at which a write is given up, in ms. Redis deletes a settled id after 15 minutes; a later repetition would count twice. */
const FORGOTTEN_MS = 14 * 60_000

/**
 * Queues writes that could not be sent to Redis, and sends them in order once Redis is reachable. The queue is bounded:
 * writes beyond it are dropped and counted. Its timer does not keep the program alive.
 */
export function createReconciler(
  send: (write: PendingWrite) => Promise<void>,
  clock: () => number,
  fault: Fault,
) {
  let queue: Entry[] = []
  let dropped = 0
  let closed = false
  let draining: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  // Numbers of entries by id, and of admissions by team.
  const ids = new Map<string, number>()
  const admissions = new Map<string, number>()

  function count({ id, team, kind }: PendingWrite, by: 1 | -1) {
    bump(ids, id, by)
    if (kind === 'admitted') bump(admissions, team, by)
  }

  function later() {
    if (timer !== undefined || queue.length === 0) return
    timer = setTimer(guardedly, PATIENCE_MS, kickLater, fault, WORK, kickLater)
    timer.unref()
  }

  function kickLater(): Promise<void> {
    timer = undefined
    return kick()
  }

  function kick(): Promise<void> {
    draining ??= drain()
      .catch((error: unknown) => fault(error, WORK))
      .finally(() => {
        draining = undefined
        later()
      })
    return draining
  }

  /** Sends the queue. The first write is sent alone, so that an unreachable Redis costs one attempt. */
  async function drain() {
    for (let size = 1; queue.length > 0; size = BATCH) {
      const batch = firstOf(queue, size)
      const outcomes = await Promise.all(batch.map(attempt))
      const done = new Set(batch.filter((_, at) => outcomes[at] !== 'later'))
      for (const entry of done) count(entry, -1)
      queue = queue.filter((entry) => !done.has(entry))
      if (done.size < batch.length) return
    }
  }

  async function attempt(entry: Entry): Promise<'done' | 'later'> {
    const now = clock()
    if (entry.sentAt !== undefined && now - entry.sentAt > FORGOTTEN_MS) {
      dropped += 1
      return 'done'
    }
    try {
      entry.sentAt ??= now
      await send(entry)
      return 'done'
    } catch (error) {
      if (isInstance(error, RedisUnavailable)) return 'later'
      dropped += 1
      return 'done'
    }
  }

  return {
    push(write: PendingWrite) {
      if (closed || queue.length >= MOST) {
        dropped += 1
        return
      }
      queue.push(write)
      count(write, 1)
      later()
    },
    /** Starts sending: Redis is reachable. */
    kick: () => void (queue.length > 0 && detached(kick(), fault, WORK)),
    has: (id: string) => ids.has(id),
    /** Returns whether admissions of this team are queued. */
    hasAdmissions: (team: string) => admissions.has(team),
    /** Sends the queue. Returns `false` if admissions of the team are still queued after `ms`. */
    async sendAdmissions(team: string, ms: number): Promise<boolean> {
      await settlesWithin(kick(), ms)
      return !admissions.has(team)
    },
    stats: () => ({ queued: queue.length, dropped }),
    close() {
      closed = true
      clearTimer(timer)
      dropped += queue.length
      queue = []
      ids.clear()
      admissions.clear()
    },
  }
}

/** Returns the first entries, at most one of each id: a settlement must not overtake its admission. */
function firstOf(queue: readonly Entry[], size: number): Entry[] {
  const batch = new Map<string, Entry>()
  for (const entry of queue) {
    if (batch.size === size) break
    if (!batch.has(entry.id)) batch.set(entry.id, entry)
  }
  return [...batch.values()]
}

function bump(counts: Map<string, number>, key: string, by: number) {
  const count = (counts.get(key) ?? 0) + by
  if (count > 0) counts.set(key, count)
  else counts.delete(key)
}
