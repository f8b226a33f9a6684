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
} & PendingListener

/** Told when something begins to wait for delivery, and when nothing waits any more. */
export type PendingListener = { onPending: () => void; onEmpty: () => void }

/**
 * Returns how many of the oldest reports a full queue drops: down to seven eighths of its bounds, so that it is not
 * shifted for every report. The newest one stays.
 */
export function countBeyond(
  queue: readonly QueuedReport[],
  bytes: number,
  { maxReports, maxBytes }: Pick<SinkQueueOptions, 'maxReports' | 'maxBytes'>,
): number {
  let gone = 0
  let left = bytes
  while (gone < queue.length - 1 && (queue.length - gone > maxReports * 0.875 || left > maxBytes * 0.875)) {
    left -= queue[gone]?.bytes ?? 0
    gone += 1
  }
  return gone
}
