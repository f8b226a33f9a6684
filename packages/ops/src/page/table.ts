import { printable, whole } from '../cli/format.ts'
import { escapeHtml } from '../core/escape-html.ts'

/** Rows that a table shows. */
export const MAX_ROWS = 30

/** A cell: a text, or HTML that is safe. A text begins at the left; a long cell may break between words. */
export type Cell = string | { html: string; isText?: boolean; isLong?: boolean }

/** Renders a table; a phone shows each row as a list with the names of the columns. */
export function table(columns: string[], rows: Cell[][]): string {
  if (rows.length === 0) return '<p class="notes">None.</p>'
  const isText = (cell: Cell | undefined) => typeof cell === 'object' && cell.isText === true
  const head = columns
    .map(
      (name, at) => `<th scope="col"${isText(rows[0]?.[at]) ? ' class="text"' : ''}>${escapeHtml(name)}</th>`,
    )
    .join('')
  const body = rows.slice(0, MAX_ROWS).map((cells) => {
    const [first = '', ...others] = cells
    const data = others.map(
      (cell, at) =>
        `<td${classOf(cell)} data-label="${escapeHtml(columns[at + 1] ?? '')}">${render(cell)}</td>`,
    )
    return `<tr><th scope="row">${render(first)}</th>${data.join('')}</tr>`
  })
  const more = rows.length > MAX_ROWS ? `<p class="notes">and ${whole(rows.length - MAX_ROWS)} more</p>` : ''
  return `<div class="table"><table><thead><tr>${head}</tr></thead><tbody>${body.join('\n')}</tbody></table></div>${more}`
}

const classOf = (cell: Cell) =>
  typeof cell === 'string' ? '' : cell.isText ? ' class="text"' : cell.isLong ? ' class="long"' : ''
const render = (cell: Cell) => (typeof cell === 'string' ? escapeHtml(printable(cell)) : cell.html)
