import { nanoUsd } from '#src/core/money.ts'
import { judgementOf } from '#src/semantic/judge/prompt.ts'

/** Judgements of a stream, the answers that they saw, new ones included, and the hits that came of them. */
type Played = { judgements: number; judged: number; hits: number }

/** `gpt-4o-mini`, in dollars per token, September 2026. */
const PRICE = { input: 0.15e-6, output: 0.6e-6 }
/** A short answer of customer support, in tokens. */
const ANSWER = { input: 350, output: 130 }
/** Characters of a token, and of a question and an answer of that length. */
const TOKEN_CHARS = 4
const ASKED = 'How long does it take until a transfer has arrived abroad?'
const SAID = 'An answer of ordinary length says this and that. '.repeat((ANSWER.output * TOKEN_CHARS) / 49)
/** Tokens of a verdict. */
const VERDICT = 2

const inputOf = (answers: number) => {
  const text = JSON.stringify({ choices: [{ message: { content: SAID } }] })
  const near = Array.from({ length: answers }, () => ({ entry: { question: ASKED, answer: { text } } }))
  const { messages } = judgementOf(ASKED, near as never, 'gpt-4o-mini')
  return messages.reduce((sum, { content }) => sum + content.length, 0) / TOKEN_CHARS
}
/** The gateway's own prompt: its instruction and the question; each answer that it compares, with its question. */
const JUDGE = { fixed: inputOf(0), perAnswer: (inputOf(3) - inputOf(0)) / 3 }

/** Dollars of one answer that was not bought. */
export const SAVED = ANSWER.input * PRICE.input + ANSWER.output * PRICE.output

const spent = ({ judgements, judged }: Omit<Played, 'hits'>) =>
  judgements * JUDGE.fixed * PRICE.input + judged * (JUDGE.perAnswer * PRICE.input + VERDICT * PRICE.output)

/** Billionths of a dollar of one judgement. */
export const judgementNano = (answers: number) => nanoUsd(spent({ judgements: 1, judged: answers }))

/** What the judge costs: calls per hit, and dollars that hits save per dollar of judging. */
export function returns(outcome: Played): { callsPerHit: number; savedPerDollar: number } {
  return {
    callsPerHit: outcome.judgements / outcome.hits,
    savedPerDollar: (outcome.hits * SAVED) / spent(outcome),
  }
}
