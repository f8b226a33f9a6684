import { errorText, messageOf } from '../util/error-text.ts'
import type { Delivery, Report } from './sink.ts'

/** Longest text taken from a sink's `reason`, in characters. */
const MAX_REASON = 400

/** The value a sink resolved with cannot be counted. */
export class InvalidDelivery extends Error {
  override readonly name = 'InvalidDelivery'
}

export type CheckedDelivery = {
  retry: ReadonlySet<Report>
  unsure: ReadonlySet<Report>
  rejected: number
  spilled: number
  reason: string | undefined
}

/**
 * Validates the value a sink resolved with against the batch it was given, so that no report is counted twice and no
 * unknown report is counted. A value without any known field means that the whole batch was delivered.
 * @throws InvalidDelivery if a list names reports outside the batch, or if a count is not a number or exceeds the
 * batch.
 */
export function checkedDelivery(given: unknown, batch: readonly Report[]): CheckedDelivery {
  const { retry, unsure, rejected, spilled, reason } = fieldsOf(given)
  const known = new Set(batch)
  const checked = {
    retry: reportsOf(retry, known, 'retry'),
    unsure: reportsOf(unsure, known, 'unsure'),
    rejected: countOf(rejected, 'rejected'),
    spilled: countOf(spilled, 'spilled'),
    reason: reasonOf(reason),
  }
  if (checked.retry.size + checked.rejected + checked.spilled > known.size)
    throw new InvalidDelivery(`the sink tells of more reports than the ${known.size} that it was given`)
  return checked
}

type Fields = { [Name in keyof Delivery]?: unknown }

function fieldsOf(given: unknown): Fields {
  if (typeof given !== 'object' || given === null) return {}
  try {
    const { retry, unsure, rejected, spilled, reason } = given as Fields
    return { retry, unsure, rejected, spilled, reason }
  } catch (error) {
    throw new InvalidDelivery(`the sink's answer cannot be read: ${errorText(error)}`)
  }
}

function reportsOf(given: unknown, known: ReadonlySet<Report>, name: string): ReadonlySet<Report> {
  if (given === undefined || given === null) return new Set()
  const reports = listOf(given)
  if (reports === undefined || reports.length > known.size || !reports.every((each) => known.has(each)))
    throw new InvalidDelivery(`\`${name}\` of the sink's answer is no list of reports that it was given`)
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
  throw new InvalidDelivery(`\`${name}\` of the sink's answer is no count`)
}

export const isCount = (given: unknown): given is number =>
  typeof given === 'number' && Number.isSafeInteger(given) && given >= 0

function reasonOf(given: unknown): string | undefined {
  if (given === undefined || given === null) return undefined
  const words = typeof given === 'string' ? given : messageOf(given) || errorText(given)
  return words.slice(0, MAX_REASON)
}
