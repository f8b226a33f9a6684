import type { Report } from './sink.ts'

/** A report in the queue. `bytes`: its approximate memory. */
export type QueuedReport = {
  report: () => Report
  bytes: number
  /** Failed batches it was in, if the receiver was not the cause. */
  failures?: number
  /** Sequence number among all reports added. */
  seq?: number
  /** It was sent once without an answer. */
  unsure?: boolean
}
