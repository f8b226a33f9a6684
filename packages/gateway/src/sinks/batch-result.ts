import { type CheckedDelivery, checkedDelivery } from './delivery.ts'
import type { QueuedReport } from './queued-report.ts'
import type { Report } from './sink.ts'

/**
 * What became of a batch. `back`: reports to send again. `freedBytes`: bytes of the others. `rejected`, `spilled`: counts.
 * `reason`: what the sink said.
 */
export type BatchResult = Pick<CheckedDelivery, 'rejected' | 'spilled' | 'reason'> & {
  back: QueuedReport[]
  freedBytes: number
}

/**
 * Reads a sink's answer to a batch, and marks the reports that it may or may not hold.
 * @throws InvalidDelivery if the answer cannot be counted.
 */
export function batchResult(
  batch: readonly QueuedReport[],
  reports: readonly Report[],
  answer: unknown,
): BatchResult {
  const { retry, unsure, rejected, spilled, reason } = checkedDelivery(answer, reports)
  const back: QueuedReport[] = []
  let freedBytes = 0
  for (const [at, pending] of batch.entries()) {
    const report = reports[at] as Report
    if (unsure.has(report)) pending.unsure = true
    if (retry.has(report)) back.push(pending)
    else freedBytes += pending.bytes
  }
  return { back, freedBytes, rejected, spilled, reason }
}
