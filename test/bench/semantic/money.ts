import { nanoUsd } from '#src/core/money.ts'

/** Judgements of a stream, the answers that they saw, and the hits that came of them. */
type Played = { judgements: number; judged: number; hits: number }

/** `gpt-4o-mini`, in dollars per token, September 2026. */
const PRICE = { input: 0.15e-6, output: 0.6e-6 }
/** A short answer of customer support, in tokens. */
const ANSWER = { input: 350, output: 130 }
/** The judge's instruction and the question; each answer that it compares, with its question; each verdict. */
const JUDGE = { fixed: 150, perAnswer: 165, verdict: 2 }

/** Dollars of one answer that was not bought. */
export const SAVED = ANSWER.input * PRICE.input + ANSWER.output * PRICE.output

const spent = ({ judgements, judged }: Omit<Played, 'hits'>) =>
  judgements * JUDGE.fixed * PRICE.input +
  judged * (JUDGE.perAnswer * PRICE.input + JUDGE.verdict * PRICE.output)

/** Billionths of a dollar of one judgement. */
export const judgementNano = (answers: number) => nanoUsd(spent({ judgements: 1, judged: answers }))

/** What the judge costs: calls per hit, and dollars that hits save per dollar of judging. */
export function returns(outcome: Played): { callsPerHit: number; savedPerDollar: number } {
  return {
    callsPerHit: outcome.judgements / outcome.hits,
    savedPerDollar: (outcome.hits * SAVED) / spent(outcome),
  }
}
