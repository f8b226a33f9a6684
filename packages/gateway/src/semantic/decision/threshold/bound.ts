/**
 * One-sided Clopper-Pearson bound: with probability `confidence` the true error rate is at most this, given `wrong` of
 * `total`. Exact for any size; 1 without data.
 */
export function upperBound(wrong: number, total: number, confidence = 0.95): number {
  if (wrong >= total) return 1
  // Bisection finds the rate at which at most `wrong` errors have probability 5 %.
  const surprise = 1 - confidence
  if (wrong === 0) return 1 - surprise ** (1 / total)
  let [low, high] = [wrong / total, 1]
  for (let step = 0; step < 60; step += 1) {
    const rate = (low + high) / 2
    if (atMost(wrong, total, rate) > surprise) low = rate
    else high = rate
  }
  return high
}

/** Tells whether that bound is at most `budget`, without computing the bound. */
export function isWithin(wrong: number, total: number, budget: number, confidence = 0.95): boolean {
  return wrong < total && wrong / total <= budget && atMost(wrong, total, budget) <= 1 - confidence
}

/** Tells whether as many errors, or more, have a probability of less than 1 % at a rate of `budget`. */
export const isSurge = (wrong: number, total: number, budget: number): boolean =>
  wrong > 0 && 1 - atMost(wrong - 1, total, budget) < 0.01

/** Binomial tail: the probability of at most `wrong` in `total` at `rate`. Computed in logarithms. */
function atMost(wrong: number, total: number, rate: number): number {
  if (rate <= 0) return 1
  if (rate >= 1) return 0
  const odds = Math.log(rate) - Math.log1p(-rate)
  let term = total * Math.log1p(-rate)
  let sum = Math.exp(term)
  for (let count = 1; count <= wrong; count += 1) {
    term += Math.log((total - count + 1) / count) + odds
    sum += Math.exp(term)
  }
  return Math.min(1, sum)
}
