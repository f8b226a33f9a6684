import { readSemanticAuto, type SemanticAutoStatus } from '@hotdash/llm-gateway/admin'
import { requireRedisUrl } from '../cli/connection.ts'
import { counted, dollars, percentOf, printable, span, whole } from '../cli/format.ts'
import { printFailure, printJson, printLine } from '../cli/output.ts'
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
  const { agent, team, embedder, serving, since, reason } = status
  return [
    `${agent} (team ${team}): ${serving ? 'on' : 'off'} for ${span(now - since)}. ${WHY[reason]}`,
    `  evidence  ${evidenceOf(status)}`,
    `  balance   ${balanceOf(status)}`,
    `  embedder  ${embedder}`,
  ]
}

const WHY: Record<SemanticAutoStatus['reason'], string> = {
  proven: 'Judgements prove the error budget, and hits save more than the cache costs.',
  unproven: 'Judgements do not prove the error budget.',
  'not-worth-it': 'Hits save less than vectors and judgements cost.',
  unpriced: 'The price of the embedder or of the judge is unknown: see models in the policy.',
  unjudged: 'The policy has no judge: nothing would show wrong answers.',
  unknown: 'Redis does not tell.',
}

function evidenceOf({ judged, wrong, upperBound, budget, rightNeeded }: SemanticAutoStatus): string {
  const seen = `${counted(judged, 'answer')} judged, ${whole(wrong)} wrong`
  if (judged === 0)
    return `no answer judged; ${whole(rightNeeded ?? 0)} right ones prove ${percentOf(budget)}`
  const bound = `${seen}: at most ${percentOf(upperBound)} are wrong (95 %), allowed are ${percentOf(budget)}`
  if (rightNeeded === 0) return bound
  return rightNeeded === undefined
    ? `${bound}; the wrong ones must first be older than 3,000 answers`
    : `${bound}; ${counted(rightNeeded, 'right answer')} more would prove it`
}

function balanceOf({ savedUsd, spentUsd, today, hits, judgements }: SemanticAutoStatus): string {
  const week = `${dollars(savedUsd)} saved by ${counted(hits, 'hit')}, ${dollars(spentUsd)} spent, with ${counted(judgements, 'judgement')}, in 7 days`
  return `${week}; today ${dollars(today.savedUsd)} and ${dollars(today.spentUsd)}`
}
