/** A column: its title, and whether its cells are numbers, which end at the right. */
export type Column = { title: string; isNumber?: boolean }

/**
 * Returns lines of a table, titles first. Control and format characters of cells become `?`: text of callers must not
 * command a terminal.
 */
export function tableLines(columns: Column[], rows: string[][]): string[] {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => row.map(printableCell))]
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

/** Replaces control and format characters by `?`. Terminals execute escape sequences in what they print. */
export const printableCell = (text: string): string => text.replace(/\p{C}/gu, '?')
