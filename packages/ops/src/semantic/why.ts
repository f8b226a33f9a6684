import { readSemanticAuto, type SemanticAutoStatus } from '@hotdash/llm-gateway/admin'
import { requireRedisUrl } from '../cli/connection.ts'
import { printable } from '../cli/format.ts'
import { printFailure, printJson, printLine } from '../cli/output.ts'
import { balanceOf, evidenceOf, reasonOf, stateOf } from '../cli/semantic-auto.ts'
import type { Values } from './values.ts'

/** Tells of each agent in mode `auto` whether it serves, and why. Needs no secret. */
export async function why({ redis, team, agent, json }: Values): Promise<number> {
  const all = await readSemanticAuto({ redis: requireRedisUrl(redis) })
  const chosen = all
    .filter((status) => team === undefined || status.team === team)
    .filter((status) => agent === undefined || status.agent === agent)
  if (json) return printJson(chosen)
  if (chosen.length === 0)
    return printFailure(
      'No such agent has a state in this Redis: none has made a call in mode auto that was looked up by meaning (cache.semantic.mode).',
    )
  const now = Date.now()
  for (const [at, status] of chosen.entries()) {
    if (at > 0) printLine('')
    for (const line of linesOf(status, now)) printLine(printable(line))
  }
  return 0
}

function linesOf(status: SemanticAutoStatus, now: number): string[] {
  const { agent, team, embedder } = status
  return [
    `${agent} (team ${team}): ${stateOf(status, now)}. ${reasonOf(status)}`,
    `  evidence  ${evidenceOf(status)}`,
    `  balance   ${balanceOf(status)}`,
    `  embedder  ${embedder}`,
  ]
}
