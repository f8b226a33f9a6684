import type { LimitedLog } from '../core/log-codes.ts'
import type { Fault } from '../util/faults.ts'
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

/** Limits and callbacks of one queue. */
export type SinkQueueOptions = {
  /** Most reports kept; the oldest are dropped first. */
  maxReports: number
  /** Approximate bytes kept at most. */
  maxBytes: number
  warn: LimitedLog
  fault: Fault
  /** Called with `true` when reports become pending, with `false` when none are left. */
  onPendingChange: (holds: boolean) => void
}
