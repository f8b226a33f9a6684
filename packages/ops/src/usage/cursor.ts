import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { UsageError } from '../core/command.ts'
import type { Cursor } from './pages.ts'

/** What is remembered between two exports. */
export type Saved = Cursor & {
  /** Bytes of the output at that row: what follows was written, but not noted, and is written again. */
  bytes: number
  /** Filters and columns: rows of another selection would be missing. */
  selection: string
}

/**
 * Reads what is remembered. `undefined`: nothing yet.
 *
 * @throws UsageError where the file is damaged, or of another selection
 */
export function readCursor(path: string, selection: string): Saved | undefined {
  if (!existsSync(path)) return undefined
  let saved: Partial<Saved>
  try {
    saved = JSON.parse(readFileSync(path, 'utf8')) as Partial<Saved>
  } catch {
    throw new UsageError(`--cursor: ${path} is not JSON. Delete it to begin at the first row.`)
  }
  const { writtenAt, requestId, bytes } = saved
  if (typeof writtenAt !== 'string' || typeof requestId !== 'string' || !Number.isSafeInteger(bytes))
    throw new UsageError(`--cursor: ${path} is damaged. Delete it to begin at the first row.`)
  if (saved.selection !== selection)
    throw new UsageError(
      `--cursor: ${path} is of another selection of rows or columns. Use one file for each.`,
    )
  return saved as Saved
}

/** Replaces what is remembered, whole. */
export function writeCursor(path: string, saved: Saved): void {
  writeFileSync(`${path}.tmp`, `${JSON.stringify(saved)}\n`)
  renameSync(`${path}.tmp`, path)
}
