import { isInstance } from '../util/error-text.ts'
import { type Delivery, DeliveryError, type Report } from './sink.ts'

/** One report of a batch: the report, and the size of its serialised form in bytes. */
export type BatchItem = { report: Report; bytes: number }

/**
 * Result of one item: accepted, to be retried, or rejected for good. `unsure`: it was sent and not answered, so the
 * receiver may hold it.
 */
export type ItemResult = 'accepted' | { retry: string; unsure?: boolean } | { rejected: string }

/** The receiver rejected the whole request. Smaller requests, or all items but one, may still be accepted. */
export type BatchRejected = { batchRejected: string }

export type Limits = {
  /** Limits of one request: items, and bytes of their serialised forms. */
  items: number
  bytes: number
}

/**
 * Sends items in sequential requests within the limits. If the receiver rejects a request as a whole, it is halved and
 * sent again, so that only items rejected alone count as rejected. Stops at the first failure: items without a result
 * are marked for a retry.
 * @throws DeliveryError if it failed before any item had a result.
 */
export async function sendInBatches<P extends BatchItem>(
  parts: readonly P[],
  { items: most, bytes }: Limits,
  send: (parts: readonly P[]) => Promise<ItemResult[] | BatchRejected>,
): Promise<Map<Report, ItemResult>> {
  const results = new Map<Report, ItemResult>()
  const waiting = requestsOf(parts, most, bytes)
  for (let due = waiting.shift(); due !== undefined; due = waiting.shift()) {
    let answer: ItemResult[] | BatchRejected
    try {
      answer = await send(due)
    } catch (error) {
      if (!isInstance(error, DeliveryError) || results.size === 0) throw error
      const { message: retry, unsure } = error
      for (const { report } of due) results.set(report, { retry, unsure })
      for (const { report } of waiting.flat()) results.set(report, { retry })
      return results
    }
    const half = Math.ceil(due.length / 2)
    if (!('batchRejected' in answer))
      for (const [at, part] of due.entries()) results.set(part.report, answer[at] ?? NO_WORD)
    else if (due.length > 1) waiting.unshift(due.slice(0, half), due.slice(half))
    else for (const { report } of due) results.set(report, { rejected: answer.batchRejected })
  }
  return results
}

const NO_WORD: ItemResult = { retry: 'the receiver did not say what became of it', unsure: true }

function requestsOf<P extends BatchItem>(parts: readonly P[], most: number, bytes: number): P[][] {
  const requests: P[][] = []
  let open: P[] = []
  let size = 0
  for (const part of parts) {
    if (open.length > 0 && (open.length >= most || size + part.bytes > bytes)) {
      requests.push(open)
      open = []
      size = 0
    }
    open.push(part)
    size += part.bytes
  }
  if (open.length > 0) requests.push(open)
  return requests
}

export function deliveryOf(reports: readonly Report[], results: ReadonlyMap<Report, ItemResult>): Delivery {
  const retry: Report[] = []
  const unsure: Report[] = []
  const reasons = new Set<string>()
  let rejected = 0
  for (const report of reports) {
    const result = results.get(report)
    if (result === undefined || result === 'accepted') continue
    if ('retry' in result) retry.push(report)
    else rejected += 1
    if ('retry' in result && result.unsure) unsure.push(report)
    reasons.add('retry' in result ? result.retry : result.rejected)
  }
  if (reasons.size === 0) return {}
  const reason = [...reasons].slice(0, 3).join('; ')
  return { retry, unsure, rejected, reason }
}
