import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Folder of the files that are shipped with the package: beside the built program, or above the sources. */
export const TEMPLATES = [
  new URL('./templates/', import.meta.url),
  new URL('../../dist/templates/', import.meta.url),
]
  .map((url) => fileURLToPath(url))
  .find((path) => existsSync(path))

/** Reads a shipped file as text. @throws Error where the package was not built */
export function readTemplate(path: string): string {
  if (TEMPLATES === undefined) throw new Error('The shipped files are missing: install the package again.')
  return readFileSync(`${TEMPLATES}${path}`, 'utf8')
}
