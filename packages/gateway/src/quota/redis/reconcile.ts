import { RedisUnavailable } from '../../redis/connection.ts'
import { isInstance } from '../../util/error-text.ts'
import { detached, type Fault, attempt as guardedly } from '../../util/faults.ts'
import { settlesWithin } from '../../util/timeout.ts'
import { clearTimer, setTimer } from '../../util/timers.ts'
import type { Reservation, Settlement } from '../store.ts'

/** What Redis has yet to hear, by the reservation's id: so that hearing it twice changes nothing. */
export type PendingWrite =
  | { kind: 'admitted'; team: string; id: string; at: number; reservation: Reservation }
  | { kind: 'settled'; team: string; id: string; at: number; settlement: Settlement }

type Entry = PendingWrite & {
  /** When it was first sent: it may have arrived, though nobody said so. */
  sentAt?: number
}

const MOST = 10_000
const BATCH = 64
const HANDBACK = 'what Redis has yet to hear'
const PATIENCE_MS = 250
/** Redis forgets a settled id after 15 minutes; what may have arrived before must not arrive anew afterwards. */
const FORGOTTEN_MS = 14 * 60_000

/**
 * Keeps, in order, what could not be said to Redis, and says it once that is possible. Bounded: what does not fit is
 * counted. Its timer keeps no program alive.
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
  // How many entries there are of each id, and how many admissions of each team.
  const ids = new Map<string, number>()
  const admissions = new Map<string, number>()

  function count({ id, team, kind }: PendingWrite, by: 1 | -1) {
    bump(ids, id, by)
    if (kind === 'admitted') bump(admissions, team, by)
  }

  function later() {
    if (timer !== undefined || queue.length === 0) return
    timer = setTimer(guardedly, PATIENCE_MS, kickLater, fault, HANDBACK, kickLater)
    timer.unref()
  }

  function kickLater(): Promise<void> {
    timer = undefined
    return kick()
  }

  function kick(): Promise<void> {
    draining ??= drain()
      .catch((error: unknown) => fault(error, HANDBACK))
      .finally(() => {
        draining = undefined
        later()
      })
    return draining
  }

  /** The first goes alone: while Redis is away, it alone is told so. */
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
    /** Redis is there: say it now. */
    kick: () => void (queue.length > 0 && detached(kick(), fault, HANDBACK)),
    owes: (id: string) => ids.has(id),
    /** This team was admitted calls that Redis has not heard of. */
    owesAdmissions: (team: string) => admissions.has(team),
    /** True once Redis has heard of all of them. False: not within `ms`. */
    async admissionsTold(team: string, ms: number): Promise<boolean> {
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

/** In order, and no id twice: what became of a call must not overtake its admission. */
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
