import type { Call } from '../core/call.ts'
import type { SemanticPlan } from '../core/caller.ts'
import type { NanoUsd } from '../core/money.ts'
import type { Reply } from '../core/reply.ts'
import { type MeteredUsage, NO_USAGE } from '../core/usage.ts'
import type { Prices } from './decision/auto/worth.ts'
import type { Learner } from './decision/learner.ts'
import { judgementOf } from './judge/prompt.ts'
import type { CalibrationScope } from './query/partition.ts'
import type { Candidate } from './store/port.ts'

/** Books what one call in mode `auto` saves, and what is spent on it. In other modes nothing is booked. */
export type CallMoney = ReturnType<typeof createCallMoney>

type Of = { call: Call; scope: CalibrationScope; plan: SemanticPlan; question: string }
type Answer = { model: string; usage: MeteredUsage }

/** Characters of a token, on average. */
const TOKEN_CHARS = 4
/** Tokens of a verdict, with what parts it from the next. */
const VERDICT_TOKENS = 2

export function createCallMoney(
  { auto }: Pick<Learner, 'auto'>,
  track: (work: Promise<void>) => void,
  { call, scope, plan, question }: Of,
) {
  const { prices } = call.policy
  const isBooked = plan.mode === 'auto'

  async function priceOf({ model, usage }: Answer): Promise<NanoUsd | undefined> {
    return usage.unknown ? undefined : await prices.cost(model, usage.usage, usage.tier)
  }

  async function judgementPrice(
    near: readonly Candidate[],
    model: string,
    fresh: string | undefined,
  ): Promise<NanoUsd | undefined> {
    const { messages } = judgementOf(question, near, model, fresh)
    const input = messages.reduce((sum, { content }) => sum + content.length, 0) / TOKEN_CHARS
    const shown = near.length + (fresh === undefined ? 0 : 1)
    const usage = { ...NO_USAGE.usage, input: Math.ceil(input), output: VERDICT_TOKENS * shown }
    return await prices.cost(model, usage)
  }

  async function bookSaved(answer: Answer): Promise<void> {
    // An unknown price counts as nothing saved.
    auto.enter(scope, plan, { saved: (await priceOf(answer)) ?? 0, hits: 1 })
  }

  async function bookSpent({ cost }: Reply, isJudgement: boolean): Promise<void> {
    const spent = (await cost)?.cost
    const figures = spent === undefined ? { unpriced: 1 } : { spent, ...(isJudgement && { judging: spent }) }
    auto.enter(scope, plan, { ...figures, ...(isJudgement && { judgements: 1 }) })
  }

  return {
    /** Books a hit by meaning, or what would have been one: the price of its answer is saved. */
    saved(answer: Answer): void {
      if (isBooked) track(bookSaved(answer))
    },
    /** Books the cost of a vector or a judgement. */
    spent(reply: Reply, kind: 'vector' | 'judgement'): void {
      if (isBooked) track(bookSpent(reply, kind === 'judgement'))
    },
    /** Returns the prices of an answer, and of a judgement on some: `undefined` where unknown. */
    prices: async (answer: Answer, near: readonly Candidate[], fresh?: string): Promise<Prices> => ({
      answer: await priceOf(answer),
      judgement: plan.judge && (await judgementPrice(near, plan.judge.model, fresh)),
    }),
  }
}
