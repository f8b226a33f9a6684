import { UsageError } from '../core/command.ts'

/** Parses a whole number of an option. @throws UsageError naming the option and its bounds */
export function wholeNumber(option: string, text: string, least: number, most: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (number >= least && number <= most) return number
  throw new UsageError(`${option} must be a whole number from ${least} to ${most}, not "${text}".`)
}
