import type { SemanticPlan } from '../../core/caller.ts'
import type { Verdict } from '../judge/verdicts.ts'
import type { CalibrationScope } from '../query/partition.ts'
import type { Candidate } from '../store/port.ts'
import type { AgentCalibration } from './agent-calibration.ts'
import type { Sums } from './auto/ledger.ts'
import { EXPLORED_SHARE, type Prices, pays } from './auto/worth.ts'

/**
 * Tells for each cached answer whether it would have been right, and for `fresh`, the new answer, last. `undefined`: no verdict.
 */
export type Judge = (
  asked: string,
  near: readonly Candidate[],
  model: string,
  fresh?: string,
) => Promise<Verdict[] | undefined>

/** What a judgement needs of a call. */
export type JudgingContext = {
  scope: CalibrationScope
  plan: SemanticPlan
  judge: Judge
  /** Prices of the answer that may be saved, and of a judgement on some, with a new one. Absent: unknown. */
  prices?: (near: readonly Candidate[], fresh?: string) => Promise<Prices>
}

/** What a judgement is for. */
export type Occasion = {
  /** The new answer, if there is one. */
  fresh?: string
  /** The chosen answer would have served, had the judge seen it before: one judgement opens the way for all others like it. */
  isDue?: boolean
}

/** Permission for one judgement. */
export type Permit = {
  ask: (asked: string, near: readonly Candidate[], fresh?: string) => Promise<Verdict[] | undefined>
  /** Ends it. One that was not used is given back. */
  end: () => void
}

type Parts = {
  calibrationOf: (scope: CalibrationScope, plan: SemanticPlan) => AgentCalibration
  sumsOf: (scope: CalibrationScope, plan: SemanticPlan) => Sums
  random: () => number
}

/** Judgements of one agent at a time. */
const MAX_JUDGING = 4

/**
 * Grants judgements: a share of all (`rate`) and all that are due, at most `perHour` an hour, and in mode `auto` those that
 * pay and a few others. Whether one is granted never depends on what the answers say, or labels would not be a fair sample.
 */
export function createJudging({ calibrationOf, sumsOf, random }: Parts) {
  async function isWorth(
    { scope, plan, prices }: JudgingContext,
    near: readonly Candidate[],
    fresh: string | undefined,
  ) {
    if (plan.mode !== 'auto' || random() < EXPLORED_SHARE) return true
    const known = await prices?.(near, fresh)
    return known !== undefined && pays(known, sumsOf(scope, plan))
  }

  return async function permit(
    context: JudgingContext,
    near: readonly Candidate[],
    { fresh, isDue = false }: Occasion = {},
  ): Promise<Permit | undefined> {
    const { scope, plan, judge } = context
    if (plan.judge === undefined || plan.judge.rate === 0) return undefined
    if (!isDue && random() >= plan.judge.rate) return undefined
    if (!(await isWorth(context, near, fresh))) return undefined
    const own = calibrationOf(scope, plan)
    if (own.judging >= MAX_JUDGING || !own.rateLimit.take(plan.judge.perHour, isDue)) return undefined
    const { model } = plan.judge
    own.judging += 1
    let isUsed = false
    return {
      async ask(asked, near, fresh) {
        isUsed = true
        return await judge(asked, near, model, fresh)
      },
      end() {
        own.judging -= 1
        if (!isUsed) own.rateLimit.giveBack()
      },
    }
  }
}
