import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream'
import { CsvError, parse } from 'csv-parse'
import { unguarded } from '../cli/csv-text.ts'
import { counted, printable } from '../cli/format.ts'
import { jsonLines, type Placed } from '../cli/json-lines.ts'
import { createProgress } from '../cli/progress.ts'
import { UsageError } from '../core/command.ts'
import { COLUMNS } from '../supabase/columns.ts'
import { READ, type Row, rowFrom } from './row.ts'

/** Names of columns of a file that are kept to be told. */
const MOST_UNREAD = 20

/**
 * Reads calls from a file, and sorts them by time: CSV with titles where its name ends in `.csv`, else JSON lines. What
 * `llm-gateway usage export` adds to cells against spreadsheets is removed. `unread`: columns that neither this nor that
 * knows, which may be misspelt.
 * @throws UsageError that names the line and the field
 */
export async function readRows(path: string): Promise<{ rows: Row[]; unread: string[] }> {
  const rows: Row[] = []
  const unread = new Set<string>()
  const progress = createProgress(() => `${path}: ${counted(rows.length, 'call')} read`)
  try {
    for await (const { value, place } of path.endsWith('.csv') ? csvValues(path) : jsonLines(path)) {
      const row = rowFrom(value)
      if (typeof row === 'string') throw new UsageError(`${place}: ${row}`)
      rows.push(row)
      for (const column of Object.keys(value as object))
        if (!READ.has(column) && !Object.hasOwn(COLUMNS, column) && unread.size < MOST_UNREAD)
          unread.add(column)
      progress.tick()
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (error instanceof UsageError) throw error
    throw new UsageError(code === undefined ? `${path}: ${message}` : `${path} cannot be read (${code}).`)
  } finally {
    progress.end()
  }
  if (rows.length === 0) throw new UsageError(`${path} has no calls.`)
  return { rows: rows.toSorted((a, b) => a.at - b.at), unread: [...unread] }
}

/** @throws UsageError where a title stands twice: only the last column of that name would be read */
function once(titles: string[], path: string): string[] {
  const twice = titles.find((title, at) => titles.indexOf(title) !== at)
  if (twice === undefined) return titles
  throw new UsageError(`${path}, row 1: column ${printable(twice)} stands twice.`)
}

async function* csvValues(path: string): AsyncGenerator<Placed> {
  const parser = parse({
    columns: (titles: string[]) => once(titles, path),
    bom: true,
    relax_column_count_less: true,
    cast: (cell, { header }) => (header ? cell : unguarded(cell)),
  })
  // Errors of the file reach the loop below through the parser.
  pipeline(createReadStream(path), parser, () => undefined)
  let number = 1
  try {
    for await (const value of parser) {
      number += 1
      yield { value, place: `${path}, row ${number}` }
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    const place = typeof error.lines === 'number' ? `${path}, line ${error.lines}` : path
    throw new UsageError(`${place}: this is not CSV. ${error.message}`)
  }
}
