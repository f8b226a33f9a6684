import { backoffMs } from '../util/backoff.ts'

/** Size and deadline of the next delivery. */
export type Pace = {
  size: () => number
  /** Waiting reports at which a delivery starts without lingering. */
  fullAt: () => number
  deadlineMs: (count: number) => number
  /** Records that `count` reports were answered after `ms`. */
  answered: (count: number, ms: number) => void
  /** Records a delivery of `count` reports that timed out, or failed so late that its size may be the cause. */
  late: (count: number) => void
  /** Milliseconds a delivery should take; a failure after more than that counts as late. */
  targetMs: number
}

type Options = {
  /** Most reports of one delivery. */
  maxReports: number
  /** Reports of the first delivery, for a receiver whose time grows with each report. */
  start: number | undefined
  /** Shortest deadline of a delivery, in milliseconds. */
  deadlineMs: number
}

/** Target duration as a share of the deadline: a delivery may become five times slower and still arrive. */
const SHARE = 1 / 5
/** Deadline as a multiple of the expected duration: a throttled server slows down at once. */
const DEADLINE_FACTOR = 20
const MAX_DEADLINE_MS = 60_000
const MAX_GROWTH = 4

/**
 * Creates a pace with multiplicative increase and decrease of the batch size: fewer reports after a timeout, more
 * while answers are fast. The deadline grows with the expected duration, and doubles from the second timeout in a row.
 * So a receiver that takes less than a minute per report still gets all of them.
 */
export function createPace({ maxReports, start, deadlineMs }: Options): Pace {
  const targetMs = deadlineMs * SHARE
  let size = Math.min(maxReports, start ?? maxReports)
  /** Recent maximum of milliseconds per report, decaying. */
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
      // Without `start`, duration is assumed not to depend on the batch size: smaller batches would not be faster.
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
