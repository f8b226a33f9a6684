import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { checkDockerfile } from './docker/check.ts'
import type { Finding } from './finding.ts'
import { checkFly } from './fly/check.ts'
import { checkLangfuse } from './fly/langfuse.ts'
import { checkSecrets } from './secrets.ts'
import { checkShell } from './shell.ts'
import { checkVersions } from './sql.ts'

/**
 * Checks all files of a folder like this package and the versions of its migrations; SQL is not applied.
 *
 * @param shellcheck program; `undefined`: scripts are checked by this project's rules only
 */
export function checkFiles(root: string, shellcheck: string | undefined): Finding[] {
  const apps = readdirSync(join(root, 'fly')).toSorted()
  const ofName = (name: string) =>
    apps.map((app) => `fly/${app}/${name}`).filter((file) => existsSync(join(root, file)))
  return [
    ...ofName('fly.toml').flatMap((file) => checkFly(root, file)),
    ...checkLangfuse(root),
    ...ofName('Dockerfile').flatMap((file) => checkDockerfile(root, file)),
    ...checkShell(root, shellcheck),
    ...checkSecrets(root),
    ...checkVersions(root),
  ]
}
