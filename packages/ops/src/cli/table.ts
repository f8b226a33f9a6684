import { printable } from './format.ts'
import { printLine } from './output.ts'

/** A column: its title, and whether its cells are numbers, which end at the right. */
export type Column = { title: string; isNumber?: boolean }

/**
 * Returns lines of a table, titles first. Control and format characters of cells become `?`: text of callers must not
 * command a terminal.
 */
export function tableLines(columns: Column[], rows: string[][]): string[] {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => row.map(printable))]
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => [...(row[at] ?? '')].length)))
  return cells.map((row) =>
    row
      .map((cell, at) => {
        const rest = ' '.repeat(Math.max(0, (widths[at] ?? 0) - [...cell].length))
        return columns[at]?.isNumber ? rest + cell : cell + rest
      })
      .join('  ')
      .trimEnd(),
  )
}

/** Writes a table to standard output. */
export function printTable(columns: Column[], rows: string[][]): void {
  for (const line of tableLines(columns, rows)) printLine(line)
}
