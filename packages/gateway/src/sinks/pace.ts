import { backoffMs } from '../util/backoff.ts'

/** How many reports the next delivery carries, and how long it may take. */
export type Pace = {
  size: () => number
  /** So many waiting reports are not kept waiting for more. */
  fullAt: () => number
  deadlineMs: (count: number) => number
  /** So many reports had an answer after so long. */
  answered: (count: number, ms: number) => void
  /** A delivery of so many was cut off, or failed after so long that its size may be why. */
  late: (count: number) => void
  /** Milliseconds a delivery should take at most; a failure after more than that counts as late. */
  targetMs: number
}

type Options = {
  /** Reports of one delivery at most. */
  maxReports: number
  /** Reports of the first one, where each report takes the receiver time of its own. */
  start: number | undefined
  /** Milliseconds any delivery may take. */
  deadlineMs: number
}

/** A delivery of the right size takes this part of the deadline: it can become five times slower and still arrive. */
const SHARE = 1 / 5
/** So many times the expected duration may pass before a delivery is given up: a throttled server is slower at once. */
const DEADLINE_FACTOR = 20
const MAX_DEADLINE_MS = 60_000
const MAX_GROWTH = 4

/**
 * Multiplicative increase and decrease, by what was measured: fewer reports after a delivery that was cut off, more while
 * answers come fast. The deadline grows with the expected duration, and doubles from the second delivery in a row on that
 * was cut off. So a receiver that can take one report in any time below a minute gets all of them.
 */
export function createPace({ maxReports, start, deadlineMs }: Options): Pace {
  const targetMs = deadlineMs * SHARE
  let size = Math.min(maxReports, start ?? maxReports)
  /** Of one report, the slowest of late. */
  let msEach = 0
  let lateInARow = 0
  let isMeasured = false

  const resize = (wanted: number) => {
    size = Math.max(1, Math.min(maxReports, Math.floor(wanted)))
  }

  return {
    targetMs,
    size: () => size,
    fullAt: () => (isMeasured ? size : maxReports),
    deadlineMs(count) {
      const wanted = Math.max(
        deadlineMs * 2 ** Math.min(Math.max(0, lateInARow - 1), 10),
        msEach * count * DEADLINE_FACTOR,
      )
      return Math.round(Math.max(deadlineMs, Math.min(MAX_DEADLINE_MS, wanted)))
    },
    answered(count, ms) {
      isMeasured = true
      lateInARow = 0
      msEach = Math.max(ms / count, msEach * 0.7)
      const room = targetMs / Math.max(ms, 0.01)
      if (room >= 1) resize(Math.max(size, count * Math.min(room, MAX_GROWTH)))
      // What takes long for few as for many gets no faster by being divided.
      else if (start === undefined) resize(Math.max(size, count * 1.25))
      else resize(Math.min(size, count * Math.max(room, 0.5)))
    },
    late(count) {
      isMeasured = true
      lateInARow += 1
      resize(count / 2)
    },
  }
}

/** Milliseconds between two deliveries to a receiver that failed: after the first failure, and at most. */
const BACKOFF = { min: 250, max: 30_000 }

/**
 * Returns milliseconds until the next try, after `failures` in a row. `askedMs`, the receiver's `retry-after`, can make it
 * longer, up to 30 s; a sink's own value is taken only if it is a positive number.
 */
export function retryDelayMs(failures: number, askedMs: unknown): number {
  const asked = typeof askedMs === 'number' && askedMs > 0 ? askedMs : 0
  return Math.max(backoffMs(failures, BACKOFF), Math.min(asked, BACKOFF.max))
}
