import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadPolicy } from '@hotdash/llm-gateway/policy'
import { UsageError } from '../core/command.ts'
import { litellmConfig } from './files.ts'

export const summary = "writes a LiteLLM proxy's configuration and team keys from the policy"

export const help = `llm-gateway litellm-config: writes the files that make a LiteLLM proxy enforce the policy's models, limits and cache.

Usage: llm-gateway litellm-config [--policy FILE] [--auth database|file] [--out FOLDER]

  --policy FILE   policy as JSON             (default: LLM_GATEWAY_POLICY, or HotDash's own)
  --auth database keeps team keys in LiteLLM's Postgres: config.yaml, and keys.sh, which creates them  (default)
  --auth file     keeps the SHA-256 of team keys in custom_auth.py, without a database: dollars are not counted
  --out FOLDER    writes the files there     (default: prints them on standard output)

Comments at the top of config.yaml list what LiteLLM does differently. Written for LiteLLM 1.102.4.`

export async function run(argv: string[]): Promise<number> {
  const options = { policy: { type: 'string' }, auth: { type: 'string' }, out: { type: 'string' } } as const
  const { values } = parseArgs({ args: argv, options })
  const auth = values.auth ?? 'database'
  if (auth !== 'database' && auth !== 'file')
    throw new UsageError(`--auth must be "database" or "file", not "${auth}".`)
  const policy = loadPolicy(values.policy ?? (process.env.LLM_GATEWAY_POLICY || undefined))
  for (const [name, text] of Object.entries(litellmConfig(policy, auth)))
    if (values.out === undefined) process.stdout.write(`# ${name}\n${text}\n`)
    else write(values.out, name, text)
  return 0
}

function write(folder: string, name: string, text: string): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, name), text, { mode: name.endsWith('.sh') ? 0o755 : 0o644 })
  process.stdout.write(`${join(folder, name)}\n`)
}
