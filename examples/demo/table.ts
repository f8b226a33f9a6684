/** Formats plain text tables: numbers right-aligned, words left-aligned. */
export type Column<Row> = { title: string; width: number; right?: boolean; of: (row: Row) => string }

export const line = <Row>(columns: Column<Row>[], row: Row) =>
  columns.map(({ width, right, of }) => fit(of(row), width, right)).join('  ')

export const head = <Row>(columns: Column<Row>[]) =>
  columns.map(({ title, width, right }) => fit(title, width, right)).join('  ')

export const table = <Row>(columns: Column<Row>[], rows: Row[]) =>
  [
    head(columns),
    columns.map(({ width }) => '-'.repeat(width)).join('  '),
    ...rows.map((row) => line(columns, row)),
  ]
    .map((text) => text.trimEnd())
    .join('\n')

const fit = (text: string, width: number, right = false) =>
  right ? text.padStart(width) : text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width)

export const dollars = (nano: number) => `$${(nano / 1e9).toFixed(9)}`
export const millis = (ms: number | undefined) =>
  ms === undefined ? '-' : ms < 10 ? ms.toFixed(1) : ms.toFixed(0)
export const percent = (part: number, whole: number) =>
  whole === 0 ? '-' : `${((100 * part) / whole).toFixed(0)}%`
export const count = (number: number) => number.toLocaleString('en-US')
