import type { RedisConnection } from '../../redis/connection.ts'

/**
 * Pause of reservations after a long outage. Processes reconnect within about a second of each other; until all of them have
 * reported what they admitted meanwhile, Redis would admit more than the limit.
 */
const RESYNC_MS = 1_300
/** Up to this length of an outage no pause is needed: all admissions were covered by leases, which Redis counts. */
const SHORT_OUTAGE_MS = 50_000

/** Returns the milliseconds for which reservations still have to wait after an outage; 0 or less: none. */
export function resyncMs(link: RedisConnection): number {
  const outage = link.lastOutage()
  if (outage === undefined || outage.ms <= SHORT_OUTAGE_MS || link.stats().state !== 'up') return 0
  // By the steady clock: one that is set back must not make this wait as long as that.
  return Math.min(RESYNC_MS, outage.backAt + RESYNC_MS - performance.now())
}
