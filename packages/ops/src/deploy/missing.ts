import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readTemplate } from '../core/templates.ts'
import type { Answers } from '../deployment/answers.ts'

export type Missing = { what: string; fix: string }

const FILES = [
  'fly/gateway/fly.toml',
  'fly/gateway/policy.json',
  'supabase/migrations',
  'supabase/langfuse/role.sql',
]

/** Returns what the folder lacks for a deployment: files and secrets, by name. */
export function missingParts(dir: string, answers: Answers): Missing[] {
  const files = FILES.filter((path) => !existsSync(join(dir, path))).map((path) => ({
    what: `the file ${path}`,
    fix: `Restore it: llm-gateway init --dir ${dir}`,
  }))
  return [...files, ...missingSecrets(dir, answers)]
}

type Entry = { name: string; make: string | null; profile?: string }

function missingSecrets(dir: string, { vault, profile }: Answers): Missing[] {
  const path = join(dir, vault)
  if (!existsSync(path)) return [{ what: `the vault ${vault}`, fix: 'Make it: llm-gateway secrets generate' }]
  if (!path.endsWith('.json') || path.endsWith('.sops.json')) return []
  const { secrets } = JSON.parse(readTemplate('secrets.json')) as { secrets: Entry[] }
  const names = namesIn(path)
  if (names === undefined)
    return [{ what: `a vault that can be read at ${vault}`, fix: 'See: llm-gateway secrets status' }]
  return secrets
    .filter((entry) => entry.profile === undefined || entry.profile === profile)
    .filter(({ name }) => !names.has(name))
    .map(({ name, make }) => ({
      what: `the secret ${name}`,
      fix:
        make === null ? `Store it: llm-gateway secrets set ${name}` : 'Make it: llm-gateway secrets generate',
    }))
}

function namesIn(path: string): Set<string> | undefined {
  try {
    const { secrets } = JSON.parse(readFileSync(path, 'utf8')) as { secrets?: object }
    return new Set(Object.keys(secrets ?? {}))
  } catch {
    return undefined
  }
}
