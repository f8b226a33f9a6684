import type { Report } from './sink.ts'

/** A report that waits. `bytes`: about what it holds in memory. */
export type QueuedReport = {
  report: () => Report
  bytes: number
  /** How often it was in a batch that failed for no fault of the receiver. */
  suspicion?: number
  /** Its place among all that were ever added. */
  seq?: number
  /** It was sent once, and what became of it is unknown. */
  unsure?: boolean
}
