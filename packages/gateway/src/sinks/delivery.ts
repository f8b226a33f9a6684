import { errorText, messageOf } from '../util/error-text.ts'
import type { Delivery, Report } from './sink.ts'

/** Longest text taken from a sink's `reason`, in characters. */
const MAX_TROUBLE = 400

/** A sink answered what no count can be kept by. */
export class SenselessDelivery extends Error {
  override readonly name = 'SenselessDelivery'
}

export type CheckedDelivery = {
  retry: ReadonlySet<Report>
  unsure: ReadonlySet<Report>
  rejected: number
  spilled: number
  reason: string | undefined
}

/**
 * What a sink resolved with, checked against the batch that it was given: nothing of it can count a report twice, or one
 * that was not there. Without any of the fields known, all of the batch has arrived.
 * @throws SenselessDelivery for lists of other reports, and for counts that are none or come to more than the batch.
 */
export function checkedDelivery(given: unknown, batch: readonly Report[]): CheckedDelivery {
  const { retry: again, unsure, rejected: refused, spilled, reason: trouble } = fieldsOf(given)
  const known = new Set(batch)
  const checked = {
    retry: reportsOf(again, known, 'retry'),
    unsure: reportsOf(unsure, known, 'unsure'),
    rejected: countOf(refused, 'rejected'),
    spilled: countOf(spilled, 'spilled'),
    reason: troubleOf(trouble),
  }
  if (checked.retry.size + checked.rejected + checked.spilled > known.size)
    throw new SenselessDelivery(`the sink tells of more reports than the ${known.size} that it was given`)
  return checked
}

type Fields = { [Name in keyof Delivery]?: unknown }

function fieldsOf(given: unknown): Fields {
  if (typeof given !== 'object' || given === null) return {}
  try {
    const { retry: again, unsure, rejected: refused, spilled, reason: trouble } = given as Fields
    return { retry: again, unsure, rejected: refused, spilled, reason: trouble }
  } catch (error) {
    throw new SenselessDelivery(`the sink's answer cannot be read: ${errorText(error)}`)
  }
}

function reportsOf(given: unknown, known: ReadonlySet<Report>, name: string): ReadonlySet<Report> {
  if (given === undefined || given === null) return new Set()
  const reports = listOf(given)
  if (reports === undefined || reports.length > known.size || !reports.every((each) => known.has(each)))
    throw new SenselessDelivery(`\`${name}\` of the sink's answer is no list of reports that it was given`)
  return new Set(reports)
}

function listOf(given: unknown): Report[] | undefined {
  try {
    return Array.isArray(given) && given.length < 1e6 ? [...(given as Report[])] : undefined
  } catch {
    return undefined
  }
}

function countOf(given: unknown, name: string): number {
  if (given === undefined || given === null) return 0
  if (isCount(given)) return given
  throw new SenselessDelivery(`\`${name}\` of the sink's answer is no count`)
}

export const isCount = (given: unknown): given is number =>
  typeof given === 'number' && Number.isSafeInteger(given) && given >= 0

function troubleOf(given: unknown): string | undefined {
  if (given === undefined || given === null) return undefined
  const words = typeof given === 'string' ? given : messageOf(given) || errorText(given)
  return words.slice(0, MAX_TROUBLE)
}
