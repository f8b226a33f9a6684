import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { loadPolicy } from '@hotdash/llm-gateway/policy'
import { UsageError } from '../core/command.ts'
import type { SecretEntry } from './catalogue.ts'
import type { Secrets } from './vault.ts'

type PolicyFile = { teams: Record<string, { keys?: string[] }> }

/**
 * Writes the hashes of all team keys in the vault into a policy file, and removes those of retired keys. Hashes that are
 * not of this vault stay.
 *
 * @param retired values that no longer work
 * @returns whether the file has changed; `undefined`: there is no such file
 * @throws UsageError where the file is no policy, or lacks a team
 */
export function writeTeamKeys(
  path: string,
  entries: SecretEntry[],
  secrets: Secrets,
  retired: string[] = [],
): boolean | undefined {
  if (!existsSync(path)) return undefined
  const before = readFileSync(path, 'utf8')
  const policy = parse(before, path)
  const gone = new Set(retired.map(hashOf))
  for (const { name, team } of entries) {
    const stored = secrets[name]
    if (team === undefined || stored === undefined) continue
    const section = Object.hasOwn(policy.teams, team) ? policy.teams[team] : undefined
    if (section === undefined) throw new UsageError(`${path} has no team "${team}", whose key is ${name}.`)
    const valid = [stored.value, stored.previous?.value].filter((value) => value !== undefined).map(hashOf)
    const kept = (section.keys ?? []).filter((hash) => !gone.has(hash))
    section.keys = [...new Set([...kept, ...valid])]
  }
  const after = `${JSON.stringify(policy, null, 2)}\n`
  if (after === before) return false
  writeFileSync(`${path}.new`, after)
  loadPolicy(`${path}.new`)
  renameSync(`${path}.new`, path)
  return true
}

function parse(text: string, path: string): PolicyFile {
  try {
    const policy = JSON.parse(text) as Partial<PolicyFile>
    if (typeof policy.teams === 'object') return policy as PolicyFile
  } catch {
    // The same answer.
  }
  throw new UsageError(`${path} is no policy: it has no "teams".`)
}

export const hashOf = (key: string): string => createHash('sha256').update(key).digest('hex')
