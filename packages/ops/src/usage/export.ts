import { counted } from '../cli/format.ts'
import { isOneFile } from '../cli/one-file.ts'
import { printNote } from '../cli/output.ts'
import { createProgress } from '../cli/progress.ts'
import { wholeNumber } from '../cli/whole-number.ts'
import { UsageError } from '../core/command.ts'
import { type Project, readRows, requireProject } from '../supabase/project.ts'
import { csvLine, csvTitles } from './csv.ts'
import { readCursor, type Saved, writeCursor } from './cursor.ts'
import { fileOutput, standardOutput } from './output.ts'
import { type Cursor, cursorOf, pagesOf, type Row } from './pages.ts'
import { writeParquet } from './parquet.ts'
import { columnsOf, filtersOf, type Values } from './values.ts'

const FORMATS = ['csv', 'jsonl', 'parquet'] as const
type Format = (typeof FORMATS)[number]

/** Exports rows in the order of arrival. */
export async function exportRows(values: Values): Promise<number> {
  const format = formatOf(values)
  const columns = columnsOf(values.columns)
  const filters = filtersOf(values)
  const lag = wholeNumber('--lag', values.lag, 0, 3_600)
  if (format === 'parquet' && values.out === undefined)
    throw new UsageError('--out FILE is missing: Parquet goes to a file.')
  if (isOneFile(values.out, values.cursor))
    throw new UsageError('--out and --cursor name one file: the export would be overwritten.')
  const selection = JSON.stringify({ format, columns, filters, out: values.out })
  const saved = values.cursor === undefined ? undefined : readCursor(values.cursor, selection)
  const project = requireProject(process.env)
  const before = await horizonOf(project, lag)
  const pages = pagesOf(project, { filters, columns, after: saved?.last, before })
  const job = { values, columns, selection, pages, ...(saved && { saved }) }
  const { rows, last } = format === 'parquet' ? await toParquet(job) : await toText(job, format)
  if (values.out !== undefined || process.stdout.isTTY)
    printNote(`${counted(rows, 'row')}${last === undefined ? '' : `, the last of ${last.writtenAt}`}.`)
  return 0
}

type Job = {
  values: Values
  columns: string[]
  selection: string
  pages: AsyncIterable<Row[]>
  saved?: Saved
}
type Done = { rows: number; last: Cursor | undefined }

/**
 * Writes page by page; notes each in the cursor once it is written. The cursor is there before the first byte of the file, so
 * that a run that found no row, or broke off, can be repeated.
 */
async function toText({ values, columns, selection, pages, saved }: Job, format: Format): Promise<Done> {
  const { out, cursor } = values
  const output = out === undefined ? standardOutput() : fileOutput(out, saved?.bytes, cursor)
  const lineOf =
    format === 'csv'
      ? (row: Row) => csvLine(row, columns)
      : (row: Row) =>
          `${JSON.stringify(Object.fromEntries(columns.map((name) => [name, row[name] ?? null])))}\n`
  const done: Done = { rows: 0, last: undefined }
  const note = () => {
    const { last } = done
    if (cursor !== undefined) writeCursor(cursor, { ...(last && { last }), bytes: output.bytes(), selection })
  }
  const progress = createProgress(() => `${counted(done.rows, 'row')}`)
  try {
    if (saved === undefined) note()
    if (format === 'csv' && (saved?.bytes ?? 0) === 0) await output.write(csvTitles(columns))
    if (saved === undefined) note()
    for await (const rows of pages) {
      await output.write(rows.map(lineOf).join(''))
      done.rows += rows.length
      done.last = cursorOf(rows.at(-1) ?? {})
      note()
      if (out !== undefined) progress.tick()
    }
  } finally {
    progress.end()
    output.close()
  }
  return done
}

async function toParquet({ values, columns, selection, pages }: Job): Promise<Done> {
  const done: Done = { rows: 0, last: undefined }
  const progress = createProgress(() => `${counted(done.rows, 'row')}`)
  async function* counting() {
    for await (const rows of pages) {
      yield* rows
      done.rows += rows.length
      done.last = cursorOf(rows.at(-1) ?? {})
      progress.tick()
    }
  }
  try {
    await writeParquet(values.out ?? '', columns, counting())
  } finally {
    progress.end()
  }
  if (values.cursor !== undefined && done.last !== undefined)
    writeCursor(values.cursor, { last: done.last, bytes: 0, selection })
  return done
}

function formatOf({ format, out }: Values): Format {
  const named = format ?? /\.(csv|jsonl|parquet)$/.exec(out ?? '')?.[1] ?? 'csv'
  const found = FORMATS.find((one) => one === named)
  if (found !== undefined) return found
  throw new UsageError(`--format must be one of ${FORMATS.join(', ')}, not "${named}".`)
}

/**
 * Returns the time before which all rows are there. A row carries the time at which its insertion began, and can be overtaken
 * by later ones until it is committed; Supabase ends a statement after seconds.
 */
async function horizonOf(project: Project, lagSeconds: number): Promise<string> {
  const { serverTime = Date.now() } = await readRows(project, 'llm_usage?select=request_id&limit=1')
  // The server's clock is known to the second.
  return new Date(serverTime + (lagSeconds === 0 ? 1_000 : 0) - lagSeconds * 1_000).toISOString()
}
