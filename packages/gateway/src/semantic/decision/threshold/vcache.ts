/** A label of one entry: whether its answer was right at this similarity. */
export type Observation = { similarity: number; right: boolean }

/** With fewer, an entry's own curve is not used. Source: vCache, arXiv 2502.03771, section 4. */
const MIN_OBSERVATIONS = 6
const ENDS: Observation[] = [
  { similarity: 0, right: false },
  { similarity: 1, right: true },
]
const QUANTILES = 50

/**
 * Returns the probability, from 0 to 1, with which a question this similar to an entry should be answered by upstream,
 * so that at most `delta` of all its answers are wrong. Fits a logistic curve to the entry's labels and takes the
 * pessimistic end of the fit's confidence band. Source: vCache, arXiv 2502.03771: equations re-derived from the paper.
 */
export function exploration(observations: readonly Observation[], similarity: number, delta: number): number {
  const seen = [...ENDS, ...observations]
  if (seen.length < MIN_OBSERVATIONS) return 1
  const { slope, middle, variance } = fit(seen)
  let least = 1
  for (let step = 1; step < QUANTILES; step += 1) {
    const doubt = step / QUANTILES
    const pessimistic = clamp(middle + quantileOfNormal(1 - doubt) * Math.sqrt(variance))
    const served = (1 - doubt) * sigmoid(slope * (similarity - pessimistic))
    if (served >= 1) return 0
    least = Math.min(least, 1 - delta / (1 - served))
  }
  return clamp(least)
}

/** Newton's method on the logistic likelihood; a small ridge prior keeps perfectly separated labels finite. */
function fit(seen: readonly Observation[]): { slope: number; middle: number; variance: number } {
  let [intercept, slope] = [0, 1]
  let inverse = { a: 1, b: 0, d: 1 }
  for (let step = 0; step < 50; step += 1) {
    let [g0, g1] = [-RIDGE * intercept, -RIDGE * slope]
    let [a, b, d] = [RIDGE, 0, RIDGE]
    for (const { similarity, right } of seen) {
      const p = sigmoid(intercept + slope * similarity)
      const weight = p * (1 - p)
      g0 += Number(right) - p
      g1 += (Number(right) - p) * similarity
      a += weight
      b += weight * similarity
      d += weight * similarity * similarity
    }
    const determinant = a * d - b * b
    inverse = { a: d / determinant, b: -b / determinant, d: a / determinant }
    const [s0, s1] = [inverse.a * g0 + inverse.b * g1, inverse.b * g0 + inverse.d * g1]
    intercept += s0
    slope += s1
    if (Math.abs(s0) + Math.abs(s1) < 1e-9) break
  }
  const steep = Math.max(slope, 1e-6)
  // Delta method: variance of the curve's midpoint.
  const [d0, d1] = [-1 / steep, intercept / (steep * steep)]
  const variance = d0 * d0 * inverse.a + 2 * d0 * d1 * inverse.b + d1 * d1 * inverse.d
  return { slope: steep, middle: clamp(-intercept / steep), variance: Math.max(0, variance) }
}

const RIDGE = 1e-3

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const clamp = (x: number) => Math.max(0, Math.min(1, x))

/** Absolute error below 5e-4. Source: Abramowitz and Stegun, 26.2.23. */
function quantileOfNormal(p: number): number {
  if (p < 0.5) return -quantileOfNormal(1 - p)
  const t = Math.sqrt(-2 * Math.log(1 - p))
  const top = 2.515517 + 0.802853 * t + 0.010328 * t * t
  return t - top / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t * t * t)
}
