import { existsSync, writeFileSync } from 'node:fs'
import type { Policy } from '@hotdash/llm-gateway'
import { hotdashPolicy, loadPolicy } from '@hotdash/llm-gateway/policy'
import { printFailure, printNote } from '../cli/output.ts'

export type InitOptions = { team?: string | undefined; agent?: string[] | undefined; force: boolean }

/** Writes a policy of one team to start from. Returns 1 where the file is there and `force` is not given. */
export function init(file: string, { team = 'my-team', agent = ['my-agent'], force }: InitOptions): number {
  if (existsSync(file) && !force)
    return printFailure(`${file} is there already. Another name, or --force to overwrite it.`)
  const policy = starter(team, agent)
  writeFileSync(file, `${textOf(policy)}\n`)
  return printNote(`Wrote ${file}: team ${team} with ${agent.join(', ')}.
Change the limits in it, then:
  llm-gateway policy validate ${file}
  llm-gateway policy explain --policy ${file} --agent ${agent[0]}
  LLM_GATEWAY_POLICY=${file} LLM_GATEWAY_AGENT=${agent[0]} node agent.js`)
}

function starter(team: string, agents: string[]): Policy {
  const { 'gpt-4o-mini': small, 'gpt-4o': large } = hotdashPolicy.models
  return loadPolicy({
    version: 1,
    routing: { default: 'gpt-4o-mini', fallback: 'gpt-4o' },
    models: { 'gpt-4o-mini': small, 'gpt-4o': large },
    cache: { exact: { ttlSeconds: 86_400 } },
    teams: { [team]: { agents, rpm: 60, tpm: 100_000, usdPerDay: 5 } },
  })
}

/** Longest object or list that is written on one line, in characters. */
const MAX_INLINE_CHARS = 90

/** Formats JSON as people write it: what is short on one line. */
function textOf(value: unknown, indent = ''): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const inline = inlineOf(value)
  if (indent !== '' && indent.length + inline.length <= MAX_INLINE_CHARS) return inline
  const inner = `${indent}  `
  const members = Object.entries(value).map(
    ([name, each]) => `${JSON.stringify(name)}: ${textOf(each, inner)}`,
  )
  return `{\n${inner}${members.join(`,\n${inner}`)}\n${indent}}`
}

function inlineOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inlineOf).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${inlineOf(each)}`)
  return `{ ${members.join(', ')} }`
}
