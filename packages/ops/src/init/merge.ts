import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { UsageError } from '../core/command.ts'
import type { Rendered } from './render.ts'

/** File that remembers what was written, so that a later run can tell what a person has changed. */
const MANIFEST = '.llm-gateway.json'

/** Hashes of the files as they were shipped, by path. */
type Manifest = { version: string; files: Record<string, string> }

/**
 * What happens to a file. `kept`: a person changed it, and what is shipped is as before. `conflict`: both changed; the
 * person's stays, and the shipped one is written beside it as `*.new`. `left-out`: a person deleted it.
 */
export type Action = 'create' | 'update' | 'same' | 'kept' | 'conflict' | 'left-out'

export type Step = { path: string; action: Action; before: string; after: string; isProgram: boolean }

/** Compares the files to write with those that are there, and with what an earlier run has written. */
export function planSteps(folder: string, files: Rendered[]): Step[] {
  const { files: shipped } = readManifest(folder)
  return files.map(({ path, text, isProgram }) => {
    const there = join(folder, path)
    const before = existsSync(there) ? readFileSync(there, 'utf8') : undefined
    const action = actionOf(before, text, Object.hasOwn(shipped, path) ? shipped[path] : undefined)
    return { path, action, before: before ?? '', after: text, isProgram }
  })
}

function actionOf(before: string | undefined, after: string, shipped: string | undefined): Action {
  if (before === undefined) return shipped === undefined ? 'create' : 'left-out'
  if (before === after) return 'same'
  if (shipped === hashOf(before)) return 'update'
  return shipped === hashOf(after) ? 'kept' : 'conflict'
}

/** Writes what the steps say, and remembers it. A person's changes are never overwritten. */
export function takeSteps(folder: string, steps: Step[], version: string): void {
  for (const { path, action, after, isProgram } of steps) {
    const writes = {
      create: path,
      update: path,
      conflict: `${path}.new`,
      same: '',
      kept: '',
      'left-out': '',
    }[action]
    if (writes === '') continue
    const target = join(folder, writes)
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, after)
    if (isProgram) chmodSync(target, 0o755)
  }
  const manifest: Manifest = {
    version,
    files: Object.fromEntries(steps.map(({ path, after }) => [path, hashOf(after)])),
  }
  writeFileSync(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`)
}

function readManifest(folder: string): Manifest {
  const path = join(folder, MANIFEST)
  if (!existsSync(path)) return { version: '', files: {} }
  try {
    const manifest = JSON.parse(readFileSync(path, 'utf8')) as Partial<Manifest>
    if (typeof manifest.files === 'object') return { version: '', files: {}, ...manifest }
  } catch {
    // The same answer.
  }
  throw new UsageError(
    `${path} is damaged. Restore it, or remove it: then every file that differs counts as yours.`,
  )
}

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex')
