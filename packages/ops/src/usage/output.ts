import { once } from 'node:events'
import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { UsageError } from '../core/command.ts'

/** Opens to write, and makes the file if it does not exist. */
const CREATED = constants.O_RDWR | constants.O_CREAT

/** Where text goes. `write` resolves once it may go on; for a file, once it is on disk. */
export type Output = { bytes: () => number; write: (text: string) => Promise<void>; close: () => void }

/** Standard output, no faster than its reader. */
export function standardOutput(): Output {
  let bytes = 0
  return {
    bytes: () => bytes,
    async write(text) {
      bytes += Buffer.byteLength(text)
      if (!process.stdout.write(text)) await once(process.stdout, 'drain')
    },
    close: () => undefined,
  }
}

/**
 * Opens a file to write.
 *
 * @param keep bytes to keep; what follows is cut off. `undefined`: the file must not exist
 * @param cursor file that remembers `keep`. An export with one may have broken off right after it made an empty file.
 * @throws UsageError where it cannot be written, exists, or is shorter than `keep`
 */
export function fileOutput(path: string, keep: number | undefined, cursor: string | undefined): Output {
  const mayBeThere = keep === 0 || (keep === undefined && cursor !== undefined)
  const file = openFor(path, mayBeThere ? CREATED : keep === undefined ? 'wx' : 'r+')
  const { size } = fstatSync(file)
  if (keep === undefined && size > 0) {
    closeSync(file)
    throw new UsageError(
      `--out: ${path} exists, and --cursor ${cursor} does not. Delete ${path} to begin again.`,
    )
  }
  if (keep !== undefined && size < keep) {
    closeSync(file)
    throw new UsageError(
      `--out: ${path} has become shorter since the last export. Delete it and the cursor to begin again.`,
    )
  }
  let bytes = keep ?? 0
  ftruncateSync(file, bytes)
  return {
    bytes: () => bytes,
    async write(text) {
      const content = Buffer.from(text)
      for (let at = 0; at < content.length; )
        at += writeSync(file, content, at, content.length - at, bytes + at)
      bytes += content.length
      fsyncSync(file)
    },
    close: () => closeSync(file),
  }
}

function openFor(path: string, flags: 'wx' | 'r+' | number): number {
  try {
    return openSync(path, flags)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST')
      throw new UsageError(`--out: ${path} exists. Delete it, or give --cursor to append to it.`)
    throw new UsageError(`--out: ${path} cannot be written (${code}).`)
  }
}
