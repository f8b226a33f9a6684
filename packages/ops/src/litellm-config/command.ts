import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadPolicy } from '@hotdash/llm-gateway'
import { UsageError } from '../core/command.ts'
import { litellmConfig } from './files.ts'

export const summary = "a LiteLLM proxy's configuration and team keys, from the policy"

export const help = `llm-gateway litellm-config: what a LiteLLM proxy needs to enforce the same models, limits, budgets and cache.

Usage: llm-gateway litellm-config [--policy FILE] [--auth database|file] [--out FOLDER]

  --policy FILE   a policy in JSON           (default: LLM_GATEWAY_POLICY, or HotDash's own)
  --auth database team keys in LiteLLM's Postgres: config.yaml and keys.sh, which creates them  (the default)
  --auth file     team keys by their SHA-256 in custom_auth.py, without a database: no dollars are counted
  --out FOLDER    writes the files there     (default: all of them to standard output)

What LiteLLM cannot express stands at the top of config.yaml as comments. Written for LiteLLM 1.102.4.`

export async function run(argv: string[]): Promise<number> {
  const options = { policy: { type: 'string' }, auth: { type: 'string' }, out: { type: 'string' } } as const
  const { values } = parseArgs({ args: argv, options })
  const auth = values.auth ?? 'database'
  if (auth !== 'database' && auth !== 'file')
    throw new UsageError(`--auth is "database" or "file", not "${auth}"`)
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
