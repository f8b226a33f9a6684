import { RedisUnavailable } from '../../redis/link.ts'
import type { Reservation, Settlement } from '../store.ts'

/** What Redis has yet to hear, by the reservation's id: so that hearing it twice changes nothing. */
export type Debt =
  | { kind: 'admitted'; id: string; at: number; reservation: Reservation }
  | { kind: 'settled'; id: string; at: number; settlement: Settlement }

type Entry = Debt & {
  /** When it was first sent: it may have arrived, though nobody said so. */
  sentAt?: number
}

const MOST = 10_000
const BATCH = 64
const PATIENCE_MS = 250
/** Redis forgets a settled id after 15 minutes; what may have arrived before must not arrive anew afterwards. */
const FORGOTTEN_MS = 14 * 60_000

/**
 * Keeps, in order, what could not be said to Redis, and says it once that is possible. Bounded: what does not fit is
 * counted. Its timer keeps no program alive.
 */
export function createHandback(send: (debt: Debt) => Promise<void>, clock: () => number) {
  let queue: Entry[] = []
  let dropped = 0
  let draining: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  const idle: (() => void)[] = []

  function later() {
    if (timer !== undefined || queue.length === 0) return
    timer = setTimeout(() => {
      timer = undefined
      kick()
    }, PATIENCE_MS)
    timer.unref()
  }

  function kick() {
    if (queue.length === 0 || draining !== undefined) return
    draining = drain().finally(() => {
      draining = undefined
      later()
    })
  }

  async function drain() {
    while (queue.length > 0) {
      const now = clock()
      const batch = queue.slice(0, BATCH)
      const outcomes = await Promise.all(batch.map((entry) => attempt(entry, now)))
      const done = new Set(batch.filter((_, at) => outcomes[at] !== 'later'))
      queue = queue.filter((entry) => !done.has(entry))
      if (done.size < batch.length) return
    }
    for (const resolve of idle.splice(0)) resolve()
  }

  async function attempt(entry: Entry, now: number): Promise<'done' | 'later'> {
    if (entry.sentAt !== undefined && now - entry.sentAt > FORGOTTEN_MS) {
      dropped += 1
      return 'done'
    }
    try {
      entry.sentAt ??= now
      await send(entry)
      return 'done'
    } catch (error) {
      if (error instanceof RedisUnavailable) return 'later'
      dropped += 1
      return 'done'
    }
  }

  return {
    push(debt: Debt) {
      if (queue.length >= MOST) dropped += 1
      else queue.push(debt)
      later()
    },
    /** Redis is there: say it now. */
    kick,
    owes: (id: string) => queue.some((debt) => debt.id === id),
    isEmpty: () => queue.length === 0,
    /** Resolves once everything is said or given up. */
    settled: () =>
      queue.length === 0 ? Promise.resolve() : new Promise<void>((resolve) => idle.push(resolve)),
    stats: () => ({ queued: queue.length, dropped }),
    close() {
      clearTimeout(timer)
      dropped += queue.length
      queue = []
      for (const resolve of idle.splice(0)) resolve()
    },
  }
}
