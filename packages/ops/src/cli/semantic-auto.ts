import type { SemanticAutoStatus } from '@hotdash/llm-gateway/admin'
import { counted, dollars, percentOf, span, whole } from './format.ts'

const WHY: Record<SemanticAutoStatus['reason'], string> = {
  proven: 'Judgements prove the error budget, and hits save more than the cache costs.',
  unproven: 'Judgements do not prove the error budget.',
  'not-worth-it': 'Hits save less than vectors and judgements cost.',
  unpriced: 'The price of the embedder or of the judge is unknown: see models in the policy.',
  unjudged: 'The policy has no judge: nothing would show wrong answers.',
  unknown: 'Redis does not tell.',
}

/** Tells how many answers were judged, and how many are missing. */
export function evidenceOf({ judged, wrong, upperBound, budget, rightNeeded }: SemanticAutoStatus): string {
  const seen = `${counted(judged, 'answer')} judged, ${whole(wrong)} wrong`
  if (judged === 0)
    return `no answer judged; ${whole(rightNeeded ?? 0)} right ones prove ${percentOf(budget)}`
  const bound = `${seen}: at most ${percentOf(upperBound)} are wrong (95 %), allowed are ${percentOf(budget)}`
  if (rightNeeded === 0) return bound
  return rightNeeded === undefined
    ? `${bound}; the wrong ones must first be older than 3,000 answers`
    : `${bound}; ${counted(rightNeeded, 'right answer')} more would prove it`
}

/** Tells what was saved and spent in 7 days, and today. */
export function balanceOf({ savedUsd, spentUsd, today, hits, judgements }: SemanticAutoStatus): string {
  const week = `${dollars(savedUsd)} saved by ${counted(hits, 'hit')}, ${dollars(spentUsd)} spent, with ${counted(judgements, 'judgement')}, in 7 days`
  return `${week}; today ${dollars(today.savedUsd)} and ${dollars(today.spentUsd)}`
}

/** Tells whether an agent in mode `auto` serves, and since when. */
export const stateOf = ({ serving, since }: SemanticAutoStatus, now: number): string =>
  `${serving ? 'on' : 'off'} for ${span(now - since)}`

/** Tells why it does or does not. */
export const reasonOf = ({ reason }: SemanticAutoStatus): string => WHY[reason]
