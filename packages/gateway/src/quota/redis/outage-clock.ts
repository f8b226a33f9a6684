import type { RedisConnection } from '../../redis/connection.ts'

/**
 * Measures how long reservations have failed: from the loss of the connection, or from the first error reply over a living
 * one. `steady`: a monotonic clock, in milliseconds.
 */
export function createOutageClock(link: RedisConnection, steady: () => number) {
  /** `earlier`: the last outage of the connection that had ended when this one was first seen. */
  let current: { since: number; earlier: unknown } | undefined

  return {
    /** Returns the duration of the present outage in milliseconds. Called when a reservation has failed. */
    ms(): number {
      const at = steady()
      const earlier = link.lastOutage()
      if (current === undefined || current.earlier !== earlier)
        current = { since: at - link.unavailableMs(), earlier }
      return at - current.since
    },
    /** Notes that a reservation has succeeded. */
    end() {
      current = undefined
    },
  }
}
