/**
 * Beginnings of a cell that spreadsheets take for a formula, or skip before one. Source: OWASP, CSV injection. A text that
 * looks as if it was guarded counts as well, so that a guard can be told from it.
 */
const FORMULA = /^'*[\s\p{Cf}]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/u

/** What spreadsheets take for the beginning of a text. */
const GUARD = "'"

/** Returns a text that no spreadsheet takes for a formula. */
export const guarded = (text: string): string => (FORMULA.test(text) ? GUARD + text : text)

/** Returns the text that {@link guarded} was given. */
export function unguarded(cell: string): string {
  const text = cell.slice(GUARD.length)
  return cell.startsWith(GUARD) && FORMULA.test(text) ? text : cell
}
