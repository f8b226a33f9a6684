import type { RedisConnection } from '../../redis/connection.ts'

/** Time from the start of an outage in which calls that cannot be decided without Redis wait for it: a restart is shorter. */
const RESTART_MS = 5_000

/**
 * Measures how long reservations have failed: from the loss of the connection, or from the first error reply over a living
 * one. `steady`: a monotonic clock, in milliseconds.
 */
export function createOutageClock(link: RedisConnection, steady: () => number) {
  /** `earlier`: the last outage of the connection that had ended when this one was first seen. */
  let current: { since: number; earlier: unknown } | undefined

  /** Returns the duration of the present outage in milliseconds. Called when a reservation has failed. */
  function ms(): number {
    const at = steady()
    const earlier = link.lastOutage()
    if (current === undefined || current.earlier !== earlier)
      current = { since: at - link.unavailableMs(), earlier }
    return at - current.since
  }

  return {
    ms,
    /** Waits for Redis while the outage is as short as a restart. Returns whether Redis is available. */
    async endsSoon(): Promise<boolean> {
      const left = RESTART_MS - ms()
      return left > 0 && (await link.availableWithin(left))
    },
    /** Notes that a reservation has succeeded. */
    end() {
      current = undefined
    },
  }
}
