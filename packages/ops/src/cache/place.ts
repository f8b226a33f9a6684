import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { UsageError } from '../core/command.ts'

/** Which lines of a file are done. */
export type Place = {
  /** Lines that an earlier run has done. */
  doneBefore: number
  isDone: (line: number) => boolean
  done: (line: number) => void
  save: () => void
  /** Deletes what was remembered: all is done. */
  forget: () => void
}

type Saved = { file: string; done: [from: number, to: number][] }

/** Milliseconds between two saves. A crash forgets at most this: the requests are then hits, and cost nothing. */
const SAVE_EVERY_MS = 1_000
/** Bytes at the start of the file that tell it from another one. */
const SAMPLE_BYTES = 65_536

/**
 * Opens what is remembered about a file, in `FILE.progress.json`.
 *
 * @param isNew forgets what an earlier run has done
 * @throws UsageError where the file cannot be read, or has changed since
 */
export function openPlace(file: string, isNew: boolean): Place {
  const path = `${file}.progress.json`
  const name = fingerprintOf(file)
  const before = isNew || !existsSync(path) ? [] : rangesIn(path, name)
  const earlier = (line: number) => before.some(([from, to]) => line >= from && line <= to)
  // Lines end in about the order in which they begin: few ranges are open at a time.
  let ranges: [from: number, to: number][] = before.map(([from, to]) => [from, to])
  let savedAt = performance.now()

  function save(): void {
    savedAt = performance.now()
    ranges = joined(ranges)
    if (ranges.length === 0) return
    writeFileSync(`${path}.tmp`, JSON.stringify({ file: name, done: ranges } satisfies Saved))
    renameSync(`${path}.tmp`, path)
  }

  return {
    doneBefore: before.reduce((sum, [from, to]) => sum + to - from + 1, 0),
    isDone: earlier,
    done(line) {
      ranges.push([line, line])
      if (performance.now() - savedAt >= SAVE_EVERY_MS) save()
      else if (ranges.length > 10_000) ranges = joined(ranges)
    },
    save,
    forget: () => rmSync(path, { force: true }),
  }
}

function joined(ranges: [number, number][]): [number, number][] {
  const result: [number, number][] = []
  for (const [from, to] of ranges.toSorted(([one], [other]) => one - other)) {
    const last = result.at(-1)
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to)
    else result.push([from, to])
  }
  return result
}

function rangesIn(path: string, name: string): [number, number][] {
  let saved: Partial<Saved>
  try {
    saved = JSON.parse(readFileSync(path, 'utf8')) as Partial<Saved>
  } catch {
    throw new UsageError(`${path} is damaged. Delete it, or say --restart.`)
  }
  if (saved.file !== name)
    throw new UsageError(`${path} is of another file of this name, or the file was changed. Say --restart.`)
  const done: unknown[] = Array.isArray(saved.done) ? saved.done : []
  return done.filter(
    (range): range is [number, number] => Array.isArray(range) && range.every(Number.isSafeInteger),
  )
}

/** Names a file by its size and its first bytes. @throws UsageError where it cannot be read */
function fingerprintOf(file: string): string {
  try {
    const { size } = statSync(file)
    const start = Buffer.alloc(Math.min(size, SAMPLE_BYTES))
    const handle = openSync(file, 'r')
    readSync(handle, start, 0, start.length, 0)
    closeSync(handle)
    return `${size} ${createHash('sha256').update(start).digest('hex').slice(0, 32)}`
  } catch (error) {
    throw new UsageError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`)
  }
}
