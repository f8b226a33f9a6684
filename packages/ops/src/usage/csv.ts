import { guarded } from '../cli/csv-text.ts'
import type { Row } from './pages.ts'

/** Returns the line of titles. */
export const csvTitles = (columns: readonly string[]): string => `${columns.join(',')}\r\n`

/** Returns a row as a line of CSV (RFC 4180). Unknown values are empty; lists are JSON. */
export const csvLine = (row: Row, columns: readonly string[]): string =>
  `${columns.map((column) => cell(row[column])).join(',')}\r\n`

/** Writes a number without an exponent: to the billionth, as costs are. */
const decimal = (value: number) =>
  /e-/.test(String(value)) ? value.toFixed(9).replace(/\.?0+$/, '') : String(value)

function cell(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number') return decimal(value)
  if (typeof value === 'boolean') return String(value)
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const safe = guarded(text)
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
