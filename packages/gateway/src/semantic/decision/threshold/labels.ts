import { isWithin, upperBound } from './bound.ts'

/** Lowest similarity told apart: above it, the scale has bins of 0.001. */
const LOWEST = 0.7
export const BINS = 300

/** Maps confidences, from 0 to 1, to the same bins. */
export const onScale = (confidence: number) => LOWEST + confidence * (1 - LOWEST)
export const offScale = (similarity: number) => (similarity - LOWEST) / (1 - LOWEST)

/** Histogram of judgements by similarity: counts of right and wrong answers per bin. Two of them add up bin by bin. */
export type Labels = { right: Uint32Array; wrong: Uint32Array }

export const emptyLabels = (): Labels => ({ right: new Uint32Array(BINS), wrong: new Uint32Array(BINS) })

/**
 * Takes each count of `known` that is greater. `known`, from all processes, usually includes this process's labels,
 * except those Redis did not accept, or not yet: a load never forgets these.
 */
export function mergeMax(labels: Labels, known: Labels): void {
  for (const kind of ['right', 'wrong'] as const)
    for (const [bin, count] of known[kind].entries())
      if (count > (labels[kind][bin] ?? 0)) labels[kind][bin] = count
}

/** Keeps a bin's lower end in its bin despite floating-point error. */
const ROUNDING = 1e-6

export const binOf = (similarity: number) =>
  Math.max(0, Math.min(BINS - 1, Math.floor(((similarity - LOWEST) / (1 - LOWEST)) * BINS + ROUNDING)))

export const similarityOf = (bin: number) => LOWEST + (bin / BINS) * (1 - LOWEST)

export function addLabel(labels: Labels, similarity: number, right: boolean): void {
  const counts = right ? labels.right : labels.wrong
  const bin = binOf(similarity)
  counts[bin] = (counts[bin] ?? 0) + 1
}

/** Judgements at `threshold` or above: count, errors, error rate, and its upper bound (95 %). */
export type Estimate = { labels: number; wrong: number; rate: number; upper: number }

export function estimate({ right, wrong }: Labels, threshold: number): Estimate {
  let [good, bad] = [0, 0]
  for (let bin = binOf(threshold); bin < BINS; bin += 1) {
    good += right[bin] ?? 0
    bad += wrong[bin] ?? 0
  }
  const labels = good + bad
  return { labels, wrong: bad, rate: labels === 0 ? 0 : bad / labels, upper: upperBound(bad, labels) }
}

/**
 * Returns the lowest threshold at which, with 95 % confidence, at most `budget` of served answers are wrong; `start`
 * while labels are too few. A rising error rate raises it at once, whatever `start` is.
 */
export function calibratedThreshold(labels: Labels, start: number, budget: number): number {
  return boundedByLabels(labels, budget) ?? raisedFrom(labels, start, budget, 0)
}

/** Judgements without an error that prove a rate of 1 %: the weight given to a prior measurement. */
const MEASURED_CREDIT = 299

/**
 * Like `calibratedThreshold`, for a `start` that was measured: it needs no proof, and proven labels can only lower it.
 * It rises when errors exceed what the measurement allows.
 */
export function supportedByLabels(labels: Labels, start: number, budget: number): number {
  return Math.min(boundedByLabels(labels, budget) ?? 1, raisedFrom(labels, start, budget, MEASURED_CREDIT))
}

/** Like `calibratedThreshold`, without a start: `undefined` while labels prove no threshold. */
export function boundedByLabels({ right, wrong }: Labels, budget: number): number | undefined {
  let best: number | undefined
  let [good, bad] = [0, 0]
  for (let bin = BINS - 1; bin >= 0; bin -= 1) {
    const [more, worse] = [right[bin] ?? 0, wrong[bin] ?? 0]
    good += more
    bad += worse
    // Bins without judgements allow no conclusion.
    if (more + worse > 0 && isWithin(bad, good + bad, budget)) best = similarityOf(bin)
  }
  return best
}

/** Returns `start`, or a higher threshold if the error rate above `start` exceeds the budget. */
function raisedFrom({ right, wrong }: Labels, start: number, budget: number, credit: number): number {
  let [good, bad] = [credit, 0]
  // The loop goes downwards: the last one within the budget is the lowest.
  let threshold = 1
  for (let bin = BINS - 1; bin >= binOf(start); bin -= 1) {
    good += right[bin] ?? 0
    bad += wrong[bin] ?? 0
    if (bad === 0 || bad / (good + bad) <= budget) threshold = similarityOf(bin)
  }
  return Math.max(start, threshold)
}
