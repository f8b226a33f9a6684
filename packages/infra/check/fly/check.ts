import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Finding } from '../finding.ts'
import { buildFindings } from './build.ts'
import { endFindings, groupFindings, memoryFindings, mountFindings } from './machines.ts'
import { parseFly } from './parse.ts'
import { checkFindings, serviceFindings } from './services.ts'

/**
 * Checks a fly.toml. `flyctl config validate` needs an account, and ignores misspelt fields.
 *
 * @param root folder of the package
 * @param file path of the fly.toml from there
 */
export function checkFly(root: string, file: string): Finding[] {
  const fly = parseFly(file, readFileSync(join(root, file), 'utf8'))
  if (Array.isArray(fly)) return fly
  return [
    ...groupFindings(fly),
    ...memoryFindings(fly),
    ...mountFindings(fly),
    ...endFindings(fly),
    ...checkFindings(fly),
    ...serviceFindings(fly),
    ...buildFindings(fly, root),
  ]
}
