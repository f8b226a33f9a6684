/** Natural logarithms of factorials, from 0! on. */
const logFactorials = [0]

function logFactorial(of: number): number {
  for (let at = logFactorials.length; at <= of; at += 1)
    logFactorials.push((logFactorials[at - 1] ?? 0) + Math.log(at))
  return logFactorials[of] ?? 0
}

/** The probability of at most `wrong` of `total`, each wrong with probability `rate`: the sum of the binomial formula. */
function atMost(wrong: number, total: number, rate: number): number {
  let sum = 0
  for (let count = 0; count <= wrong; count += 1) {
    const ways = logFactorial(total) - logFactorial(count) - logFactorial(total - count)
    sum += Math.exp(ways + count * Math.log(rate) + (total - count) * Math.log(1 - rate))
  }
  return sum
}

/** The one-sided upper bound of Clopper and Pearson, 95 %: the rate at which so few errors have a probability of 5 %. */
export function upperBoundOf(wrong: number, total: number): number {
  if (wrong >= total) return 1
  let [low, high] = [0, 1]
  for (let step = 0; step < 50; step += 1) {
    const middle = (low + high) / 2
    if (atMost(wrong, total, middle) > 0.05) low = middle
    else high = middle
  }
  return high
}

/** Whether chance gives as many errors, or more, in less than one of a hundred cases. */
export const surges = (wrong: number, total: number, rate: number): boolean =>
  wrong > 0 && 1 - atMost(wrong - 1, total, rate) < 0.01
