import { upperBound } from '../threshold/bound.ts'
import { type Day, dayOf, type Ledger, NO_MONEY, type Sums } from './ledger.ts'
import type { AutoReason, Standing } from './standing.ts'

/** Evidence and balance of an agent in mode `auto`, of all processes at one Redis. Amounts in US dollars. */
export type AutoStats = {
  /** Whether it serves. */
  serving: boolean
  /**
   * `proven`: it serves. `unproven`: judgements are too few, or more may be wrong than the budget allows. `not-worth-it`: hits
   * save less than the cache costs. `unpriced`: the cost is unknown. `unjudged`: no judge. `unknown`: Redis does not tell.
   */
  reason: AutoReason
  /** When it began to serve, or stopped, in milliseconds since the epoch. */
  since: number
  /** Newest judged answers that served or would have, 3,000 at most, and how many were wrong. */
  judged: number
  wrong: number
  /** Highest share of wrong answers that this allows, with 95 % confidence. */
  upperBound: number
  /** `errorBudget` of the policy. */
  budget: number
  /** Saved by hits, or would have been; spent on vectors and judgements: in the last 7 days (UTC), and today. */
  savedUsd: number
  spentUsd: number
  today: { savedUsd: number; spentUsd: number }
}

/** State of an agent, summed up. */
export type KnownState = Standing & { budget: number; sums: Sums; upperBound: number; today: Day }

/** Sums up a state. `sums`: those of its days and evidence at the time `at`. */
export const knownOf = (
  { serving, reason, since }: Standing,
  sums: Sums,
  { budget, days }: { budget: number; days: Ledger['days'] },
  at: number,
): KnownState => ({
  serving,
  reason,
  since,
  budget,
  sums,
  upperBound: upperBound(sums.wrong, sums.judged),
  today: days.get(dayOf(at)) ?? NO_MONEY,
})

export const autoStatsOf = ({ sums, upperBound, today, ...rest }: KnownState): AutoStats => ({
  ...rest,
  judged: sums.judged,
  wrong: sums.wrong,
  upperBound,
  savedUsd: sums.saved / 1e9,
  spentUsd: sums.spent / 1e9,
  today: { savedUsd: today.saved / 1e9, spentUsd: today.spent / 1e9 },
})
