import { createReadStream } from 'node:fs'
import { parse } from 'csv-parse'
import { counted } from '../cli/format.ts'
import { jsonLines, type Placed } from '../cli/json-lines.ts'
import { createProgress } from '../cli/progress.ts'
import { UsageError } from '../core/command.ts'
import { type Row, rowFrom } from './row.ts'

/**
 * Reads calls from a file, and sorts them by time: CSV with titles where its name ends in `.csv`, else JSON lines.
 * @throws UsageError that names the line and the field
 */
export async function readRows(path: string): Promise<Row[]> {
  const rows: Row[] = []
  const progress = createProgress(() => `${path}: ${counted(rows.length, 'call')} read`)
  try {
    for await (const { value, place } of path.endsWith('.csv') ? csvValues(path) : jsonLines(path)) {
      const row = rowFrom(value)
      if (typeof row === 'string') throw new UsageError(`${place}: ${row}`)
      rows.push(row)
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
  return rows.toSorted((a, b) => a.at - b.at)
}

async function* csvValues(path: string): AsyncGenerator<Placed> {
  const parser = createReadStream(path).pipe(
    parse({ columns: true, bom: true, relax_column_count_less: true }),
  )
  let number = 1
  for await (const value of parser) {
    number += 1
    yield { value, place: `${path}, row ${number}` }
  }
}
