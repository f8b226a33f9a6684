import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import * as z from 'zod'
import { UsageError } from '../core/command.ts'
import type { Cursor } from './pages.ts'

/** What is remembered between two exports. */
export type Saved = {
  /** Absent: no row yet. */
  last?: Cursor
  /** Bytes of the output at that row: what follows was written, but not noted, and is written again. */
  bytes: number
  /** Filters and columns: rows of another selection would be missing. */
  selection: string
}

const savedSchema = z.object({
  writtenAt: z.string().optional(),
  requestId: z.string().optional(),
  bytes: z.int().nonnegative(),
  selection: z.string(),
})

/**
 * Reads what is remembered. `undefined`: nothing yet.
 *
 * @throws UsageError where the file is damaged, or of another selection
 */
export function readCursor(path: string, selection: string): Saved | undefined {
  if (!existsSync(path)) return undefined
  let saved: unknown
  try {
    saved = JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    throw new UsageError(`--cursor: ${path} is not JSON. Delete it to begin at the first row.`)
  }
  const { data } = savedSchema.safeParse(saved)
  if (data === undefined || (data.writtenAt === undefined) !== (data.requestId === undefined))
    throw new UsageError(`--cursor: ${path} is damaged. Delete it to begin at the first row.`)
  const { writtenAt, requestId, ...rest } = data
  if (rest.selection !== selection)
    throw new UsageError(
      `--cursor: ${path} is of another selection of rows or columns. Use one file for each.`,
    )
  const isBegun = writtenAt !== undefined && requestId !== undefined
  return { ...rest, ...(isBegun && { last: { writtenAt, requestId } }) }
}

/** Replaces what is remembered, whole. */
export function writeCursor(path: string, { last, ...rest }: Saved): void {
  writeFileSync(`${path}.tmp`, `${JSON.stringify({ ...last, ...rest })}\n`)
  renameSync(`${path}.tmp`, path)
}
