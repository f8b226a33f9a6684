import { existsSync, renameSync } from 'node:fs'
import { UsageError } from '../core/command.ts'
import { COLUMNS } from '../supabase/columns.ts'
import { numberIn, textIn } from '../supabase/project.ts'
import type { Row } from './pages.ts'

/** Rows of a group, which is in memory as a whole. */
const GROUP_ROWS = 10_000

const TYPES = {
  text: 'STRING',
  time: 'TIMESTAMP',
  whole: 'INT64',
  number: 'DOUBLE',
  flag: 'BOOLEAN',
  list: 'JSON',
} as const

/**
 * Writes rows to a Parquet file, which appears under its name once it is whole.
 *
 * @throws UsageError where the file exists
 */
export async function writeParquet(
  path: string,
  columns: readonly string[],
  rows: AsyncIterable<Row>,
): Promise<void> {
  if (existsSync(path)) throw new UsageError(`--out: ${path} exists. Delete it, or choose another name.`)
  // Only an export to Parquet needs it.
  const { fileWriter, parquetWriteRows } = await import('hyparquet-writer')
  const partial = `${path}.partial`
  await parquetWriteRows({
    writer: fileWriter(partial),
    rows: typed(rows, columns),
    columns: columns.map((name) => ({ name, type: TYPES[COLUMNS[name] ?? 'text'], nullable: true })),
    rowGroupSize: GROUP_ROWS,
  })
  renameSync(partial, path)
}

async function* typed(
  rows: AsyncIterable<Row>,
  columns: readonly string[],
): AsyncGenerator<Record<string, unknown>> {
  for await (const row of rows)
    yield Object.fromEntries(columns.map((column) => [column, parquetValue(row[column], COLUMNS[column])]))
}

function parquetValue(value: unknown, kind: string | undefined): unknown {
  if (value === null || value === undefined) return undefined
  if (kind === 'whole') return BigInt(Math.round(numberIn(value)))
  if (kind === 'number') return numberIn(value)
  if (kind === 'time') return new Date(textIn(value))
  return value
}
