/** How many reports the next delivery carries, and how long it may take. */
export type Pace = {
  size: () => number
  /** So many waiting reports are not kept waiting for more. */
  full: () => number
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
  most: number
  /** Reports of the first one, where each report takes the receiver time of its own. */
  start: number | undefined
  /** Milliseconds any delivery may take. */
  deadlineMs: number
}

/** A delivery of the right size takes this part of the deadline: it can become five times slower and still arrive. */
const SHARE = 1 / 5
/** So many times the expected duration may pass before a delivery is given up: a throttled server is slower at once. */
const PATIENCE = 20
const MAX_DEADLINE_MS = 60_000
const MAX_GROWTH = 4

/**
 * Multiplicative increase and decrease, by what was measured: fewer reports after a delivery that was cut off, more while
 * answers come fast. The deadline grows with the expected duration, and doubles from the second delivery in a row on that
 * was cut off. So a receiver that can take one report in any time below a minute gets all of them.
 */
export function createPace({ most, start, deadlineMs }: Options): Pace {
  const targetMs = deadlineMs * SHARE
  let size = Math.min(most, start ?? most)
  /** Of one report, the slowest of late. */
  let msEach = 0
  let lateInARow = 0
  let known = false

  const resize = (wanted: number) => {
    size = Math.max(1, Math.min(most, Math.floor(wanted)))
  }

  return {
    targetMs,
    size: () => size,
    full: () => (known ? size : most),
    deadlineMs(count) {
      const patience = Math.max(
        deadlineMs * 2 ** Math.min(Math.max(0, lateInARow - 1), 10),
        msEach * count * PATIENCE,
      )
      return Math.round(Math.max(deadlineMs, Math.min(MAX_DEADLINE_MS, patience)))
    },
    answered(count, ms) {
      known = true
      lateInARow = 0
      msEach = Math.max(ms / count, msEach * 0.7)
      const room = targetMs / Math.max(ms, 0.01)
      if (room >= 1) resize(Math.max(size, count * Math.min(room, MAX_GROWTH)))
      // What takes long for few as for many gets no faster by being divided.
      else if (start === undefined) resize(Math.max(size, count * 1.25))
      else resize(Math.min(size, count * Math.max(room, 0.5)))
    },
    late(count) {
      known = true
      lateInARow += 1
      resize(count / 2)
    },
  }
}

const BACKOFF_MIN_MS = 250
const BACKOFF_MAX_MS = 30_000

/** Milliseconds until the next try after so many failures in a row, and after what the receiver asked for. */
export function backoffMs(failures: number, asked: unknown): number {
  const patience = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** (failures - 1)) * (0.5 + Math.random() / 2)
  return Math.max(patience, Math.min(typeof asked === 'number' && asked > 0 ? asked : 0, BACKOFF_MAX_MS))
}
