import { existsSync, writeFileSync } from 'node:fs'
import { hotdashPolicy, loadPolicy, type Policy } from '@hotdash/llm-gateway'
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

/** Formats objects of plain values on one line. */
const textOf = (policy: Policy): string =>
  JSON.stringify(policy, null, 2)
    .replace(/\{\n\s+([^{}[\]]+?)\n\s+\}/g, (_, inner: string) => `{ ${inner.replace(/\n\s+/g, ' ')} }`)
    .replace(/\[\n\s+([^{}[\]]+?)\n\s+\]/g, (_, inner: string) => `[${inner.replace(/\n\s+/g, ' ')}]`)
