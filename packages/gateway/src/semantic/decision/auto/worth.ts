import type { NanoUsd } from '../../../core/money.ts'
import type { Sums } from './ledger.ts'

/**
 * Hits that one judgement leads to, before any were seen: one in four. Source: the streams of docs/semantic-cache.md, with 3.1
 * to 5.2 judgements a hit.
 */
const PRIOR = { hits: 1, judgements: 4 }
/** Loss in the window from which judging stops: a tenth of a dollar, some thousand judgements by `gpt-4o-mini`. */
const ALLOWED_LOSS = 1e8
/** Share judged nevertheless, so that a better balance is noticed. */
export const EXPLORED_SHARE = 0.05

export type Prices = {
  /** Of the answer that may be saved. `undefined`: unknown. */
  answer: NanoUsd | undefined
  /** Of the judgement. */
  judgement: NanoUsd | undefined
}

/**
 * Tells whether a judgement is likely to pay: the answer's own price times the hits that a judgement has led to is at
 * least the judgement's price, and the window's loss is small. Unknown prices do not pay.
 */
export function pays({ answer, judgement }: Prices, sums: Sums): boolean {
  if (answer === undefined || judgement === undefined) return false
  if (sums.spent - sums.saved > ALLOWED_LOSS) return false
  const reuses = (sums.hits + PRIOR.hits) / (sums.judgements + PRIOR.judgements)
  return answer * reuses >= judgement
}
