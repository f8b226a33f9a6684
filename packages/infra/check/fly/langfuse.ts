import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Finding } from '../finding.ts'
import { parseFly } from './parse.ts'

const [WEB, WORKER] = ['fly/langfuse-web/fly.toml', 'fly/langfuse-worker/fly.toml']

/** Langfuse's web and worker are of one version: web migrates what the worker writes. */
export function checkLangfuse(root: string): Finding[] {
  if (![WEB, WORKER].every((file) => existsSync(join(root, file)))) return []
  const [web, worker] = [WEB, WORKER].map((file) => parseFly(file, readFileSync(join(root, file), 'utf8')))
  if (web === undefined || worker === undefined || Array.isArray(web) || Array.isArray(worker)) return []
  const versionOf = (image = '') => image.split(':').at(-1)
  const [version, other] = [versionOf(web.config.build.image), versionOf(worker.config.build.image)]
  return version === other
    ? []
    : [
        worker.at(
          ['build', 'image'],
          'fly-image',
          `the worker is of version ${other}, and web of ${version}`,
          'The same version for both.',
        ),
      ]
}
