import { clip } from './blocks.ts'
import { printable } from './format.ts'

/** A column of a table that must not be wider than a terminal. */
export type FitColumn = {
  title: string
  cells: string[]
  /** Numbers end at the right, and are never cut. */
  isNumber?: boolean
  /** Width below which it is not cut, in characters; of a number, its least width. @default 8 */
  min?: number
  /** Columns with a higher rank are left out first where there is no room. Absent: it always stays. */
  rank?: number
}

/**
 * Returns the rows of a table, titles first, as padded cells; `shown` tells which columns they are. Where they are too wide,
 * texts are cut, the widest first; where that is not enough, columns are left out. Numbers stay whole.
 *
 * @param gap spaces between two columns
 */
export function fit(
  columns: readonly FitColumn[],
  width: number,
  gap: number,
): { shown: number[]; rows: string[][] } {
  let shown = columns.map((_, at) => at)
  for (;;) {
    const widths = widthsOf(columns, shown, width - gap * (shown.length - 1))
    const dropped = shown.reduce<number | undefined>((last, at) => {
      const rank = columns[at]?.rank
      return rank !== undefined && (last === undefined || rank > (columns[last]?.rank ?? 0)) ? at : last
    }, undefined)
    if (widths.fits || dropped === undefined) return { shown, rows: rowsOf(columns, shown, widths.of) }
    shown = shown.filter((at) => at !== dropped)
  }
}

const length = (text: string) => [...text].length

function widthsOf(columns: readonly FitColumn[], shown: number[], room: number) {
  const of = new Map(
    shown.map((at) => {
      const { title, cells, isNumber, min } = columns[at] ?? { title: '', cells: [] }
      const longest = cells.reduce((most, cell) => Math.max(most, length(cell)), length(title))
      return [at, isNumber ? Math.max(longest, min ?? 0) : longest]
    }),
  )
  const total = () => [...of.values()].reduce((sum, width) => sum + width, 0)
  while (total() > room) {
    const [widest] = shown
      .filter((at) => !columns[at]?.isNumber && (of.get(at) ?? 0) > (columns[at]?.min ?? 8))
      .toSorted((one, other) => (of.get(other) ?? 0) - (of.get(one) ?? 0))
    if (widest === undefined) return { of, fits: false }
    of.set(widest, (of.get(widest) ?? 0) - 1)
  }
  return { of, fits: true }
}

const rowsOf = (columns: readonly FitColumn[], shown: number[], widths: Map<number, number>): string[][] =>
  [-1, ...(columns[0]?.cells.keys() ?? [])].map((row) =>
    shown.map((at) => {
      const { title, cells, isNumber } = columns[at] ?? { title: '', cells: [] }
      const width = widths.get(at) ?? 0
      const text = clip(row === -1 ? title : printable(cells[row] ?? ''), width)
      return isNumber ? text.padStart(width) : text.padEnd(width)
    }),
  )
