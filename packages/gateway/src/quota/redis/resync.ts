import type { RedisConnection } from '../../redis/connection.ts'

/**
 * After a long outage, processes find Redis again within about a second of each other. Until all have told it what they
 * admitted, reservations wait: the first to ask would find room that others have taken.
 */
const RESYNC_MS = 1_300
/** After an outage this short, all that was admitted alone was leased, and is in the books. */
const SHORT_OUTAGE_MS = 50_000

/** Milliseconds for which reservations wait after an outage. */
export function resyncMs(link: RedisConnection): number {
  const outage = link.lastOutage()
  if (outage === undefined || outage.ms <= SHORT_OUTAGE_MS || link.stats().state !== 'up') return 0
  return Math.min(RESYNC_MS, outage.backAt + RESYNC_MS - Date.now())
}
