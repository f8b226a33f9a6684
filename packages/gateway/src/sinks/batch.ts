import { type Delivery, DeliveryError, type Report } from './sink.ts'

/** What one report has become on the wire. */
export type BatchItem = { report: Report; bytes: number }

/** Whether a part has arrived: it has, it is worth another try, or it never will. `unsure`: it may have, without a word. */
export type ItemResult = 'taken' | { again: string; unsure?: boolean } | { refused: string }

/** The request was refused as a whole; smaller ones, or all parts but one, may be welcome. */
export type BatchRejected = { whole: string }

export type Limits = {
  /** Parts and bytes of one request. */
  parts: number
  bytes: number
}

/**
 * Sends parts in requests within the limits, one after the other, and in ever smaller ones where the receiver refuses a
 * request as a whole: only what it refuses alone is refused. After a failure no more is sent, and what has no fate yet is
 * to be tried again.
 * @throws DeliveryError when it failed before any report had a fate.
 */
export async function sendInBatches<P extends BatchItem>(
  parts: readonly P[],
  { parts: most, bytes }: Limits,
  send: (parts: readonly P[]) => Promise<ItemResult[] | BatchRejected>,
): Promise<Map<Report, ItemResult>> {
  const fates = new Map<Report, ItemResult>()
  const waiting = requestsOf(parts, most, bytes)
  for (let due = waiting.shift(); due !== undefined; due = waiting.shift()) {
    let answer: ItemResult[] | BatchRejected
    try {
      answer = await send(due)
    } catch (error) {
      if (!(error instanceof DeliveryError) || fates.size === 0) throw error
      const { message: again, unsure } = error
      for (const { report } of due) fates.set(report, { again, unsure })
      for (const { report } of waiting.flat()) fates.set(report, { again })
      return fates
    }
    const half = Math.ceil(due.length / 2)
    if (!('whole' in answer))
      for (const [at, part] of due.entries()) fates.set(part.report, answer[at] ?? NO_WORD)
    else if (due.length > 1) waiting.unshift(due.slice(0, half), due.slice(half))
    else for (const { report } of due) fates.set(report, { refused: answer.whole })
  }
  return fates
}

const NO_WORD: ItemResult = { again: 'the receiver did not say what became of it', unsure: true }

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

export function deliveryOf(reports: readonly Report[], fates: ReadonlyMap<Report, ItemResult>): Delivery {
  const again: Report[] = []
  const unsure: Report[] = []
  const reasons = new Set<string>()
  let refused = 0
  for (const report of reports) {
    const fate = fates.get(report)
    if (fate === undefined || fate === 'taken') continue
    if ('again' in fate) again.push(report)
    else refused += 1
    if ('again' in fate && fate.unsure) unsure.push(report)
    reasons.add('again' in fate ? fate.again : fate.refused)
  }
  if (reasons.size === 0) return {}
  const why = [...reasons].slice(0, 3).join('; ')
  return { retry: again, unsure, rejected: refused, reason: why }
}
