import { isSurge, isWithin } from '../threshold/bound.ts'
import { MAX_EVIDENCE, RECENT, type Sums } from './ledger.ts'

/**
 * Why an agent in mode `auto` serves or not. `proven`: it serves. `unproven`: judgements are too few, or more of them may be
 * wrong than the budget allows. `not-worth-it`: hits save less than vectors and judgements cost. `unpriced`: what these cost
 * is unknown. `unjudged`: the policy has no judge. `unknown`: Redis has not told the state.
 */
export type AutoReason = 'proven' | 'unproven' | 'not-worth-it' | 'unpriced' | 'unjudged' | 'unknown'

export type Standing = {
  serving: boolean
  reason: AutoReason
  /** When it began to serve, or stopped, in milliseconds since the epoch. */
  since: number
}

/** Fewest judged answers, whatever the budget. */
const MIN_JUDGED = 30
/** Saved per dollar spent from which it starts to serve; it goes on down to 1. */
const ENTER_AT = 1.1

export type Terms = { errorBudget: number; hasJudge: boolean }

/**
 * Decides whether an agent serves. It does only while at most `errorBudget` of judged answers may be wrong, by the upper bound
 * with 95 % confidence, the newest of them are not wrong more often than chance explains, and as much is saved as spent; to
 * start it takes a tenth more. The bound needs no such margin: a wrong answer takes it beyond the budget, and some 150 right ones
 * take it back.
 */
export function standingAfter(was: Standing, sums: Sums, terms: Terms, at: number): Standing {
  const reason = reasonOf(was.serving, sums, terms)
  const serving = reason === 'proven'
  return { serving, reason, since: serving === was.serving ? was.since : at }
}

function reasonOf(isServing: boolean, sums: Sums, { errorBudget, hasJudge }: Terms): AutoReason {
  const { judged, wrong, recent, saved, spent, unpriced } = sums
  if (!hasJudge) return 'unjudged'
  if (judged < MIN_JUDGED || !isWithin(wrong, judged, errorBudget)) return 'unproven'
  if (isSurge(recent.wrong, recent.judged, errorBudget)) return 'unproven'
  if (unpriced > 0) return 'unpriced'
  const isWorth = isServing ? saved >= spent : saved > 0 && saved > ENTER_AT * spent
  return isWorth ? 'proven' : 'not-worth-it'
}

/**
 * Returns how many right answers in a row would prove the budget; 0 if it is proven. `undefined`: more than count as evidence, so
 * that first the wrong ones have to become too old.
 */
export function rightAnswersNeeded(
  { judged, wrong, recent }: Pick<Sums, 'judged' | 'wrong' | 'recent'>,
  errorBudget: number,
): number | undefined {
  /** The newest wrong ones stay among the newest until as many right ones have followed. */
  const isSurgeAfter = (more: number) =>
    more < RECENT && isSurge(recent.wrong, Math.min(RECENT, recent.judged + more), errorBudget)
  for (let total = judged; total <= MAX_EVIDENCE; total += 1)
    if (total >= MIN_JUDGED && isWithin(wrong, total, errorBudget) && !isSurgeAfter(total - judged))
      return total - judged
  return undefined
}
