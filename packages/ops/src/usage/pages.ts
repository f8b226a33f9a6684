import { COLUMNS } from '../supabase/columns.ts'
import { numberIn, type Project, readRows, textIn } from '../supabase/project.ts'

export type Row = Record<string, unknown>

/** The last row that was read, in the order of arrival. */
export type Cursor = { writtenAt: string; requestId: string }

/** Rows of one request: as many as Supabase answers by default at most. */
export const PAGE_ROWS = 1_000

export type PageQuery = {
  filters: [column: string, condition: string][]
  /** Columns to read; those of the cursor are read in any case. */
  columns: readonly string[]
  /** Where to go on. `undefined`: at the first row. */
  after: Cursor | undefined
  /** Rows that arrived before this time, ISO 8601. */
  before?: string
}

/** Yields rows in the order of arrival, a page at a time, until there are none. */
export async function* pagesOf(project: Project, query: PageQuery): AsyncGenerator<Row[]> {
  let { after } = query
  for (;;) {
    const { rows } = await readRows(project, pathOf({ ...query, after }))
    if (rows.length === 0) return
    yield rows.map(withNumbers)
    after = cursorOf(rows.at(-1) ?? {})
  }
}

/** Makes numbers of decimals that a server has sent as text. */
export function withNumbers(row: Row): Row {
  const numbers = Object.entries(row).filter(
    ([name, value]) => COLUMNS[name] === 'number' && typeof value === 'string',
  )
  return { ...row, ...Object.fromEntries(numbers.map(([name, value]) => [name, numberIn(value)])) }
}

export const cursorOf = ({ written_at: writtenAt, request_id: requestId }: Row): Cursor => ({
  writtenAt: textIn(writtenAt),
  requestId: textIn(requestId),
})

function pathOf({ filters, columns, after, before }: PageQuery): string {
  const query = new URLSearchParams([
    ['select', [...new Set([...columns, 'written_at', 'request_id'])].join(',')],
    ['order', 'written_at.asc,request_id.asc'],
    ['limit', String(PAGE_ROWS)],
    ...filters,
  ])
  if (before !== undefined) query.append('written_at', `lt.${before}`)
  if (after !== undefined) {
    const [time, id] = [quoted(after.writtenAt), quoted(after.requestId)]
    query.append('written_at', `gte.${after.writtenAt}`)
    query.append('or', `(written_at.gt.${time},and(written_at.eq.${time},request_id.gt.${id}))`)
  }
  return `llm_usage?${query.toString()}`
}

/** Quotes a value inside a condition: commas and parentheses end it otherwise. */
const quoted = (value: string) => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
