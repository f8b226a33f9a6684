import { isWithin, upperBound } from './bound.ts'

/** Similarities are told apart to the hundredth part of a percent of the whole scale above this one. */
const LOWEST = 0.7
export const BINS = 300

/** Confidences have the same bins, over their whole range. */
export const onScale = (confidence: number) => LOWEST + confidence * (1 - LOWEST)
export const offScale = (similarity: number) => (similarity - LOWEST) / (1 - LOWEST)

/** Judgements of one agent, by similarity: would the cached answer have served? Plain counts, so that processes can add theirs up. */
export type Labels = { right: Uint32Array; wrong: Uint32Array }

export const noLabels = (): Labels => ({ right: new Uint32Array(BINS), wrong: new Uint32Array(BINS) })

/**
 * Takes from `known` each count that is greater. Those of all processes hold this one's own, but for what Redis did not
 * take or had not taken when it was read: what was learned here is never forgotten by a look there.
 */
export function adopt(labels: Labels, known: Labels): void {
  for (const kind of ['right', 'wrong'] as const)
    for (const [bin, count] of known[kind].entries())
      if (count > (labels[kind][bin] ?? 0)) labels[kind][bin] = count
}

/** So that a bin's own lower end is in it, whatever fractions do. */
const ROUNDING = 1e-6

export const binOf = (similarity: number) =>
  Math.max(0, Math.min(BINS - 1, Math.floor(((similarity - LOWEST) / (1 - LOWEST)) * BINS + ROUNDING)))

export const similarityOf = (bin: number) => LOWEST + (bin / BINS) * (1 - LOWEST)

export function label(labels: Labels, similarity: number, right: boolean): void {
  const counts = right ? labels.right : labels.wrong
  const bin = binOf(similarity)
  counts[bin] = (counts[bin] ?? 0) + 1
}

/** Of what was judged at `threshold` or above: how much was wrong, and how much it may be at most (95 %). */
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
 * The lowest threshold at which at most `budget` of the served answers are wrong, with 95 % confidence; `start` while too
 * little is known to say so of any. It rises at once when too much turns out wrong, whatever `start` said.
 */
export function calibrated(labels: Labels, start: number, budget: number): number {
  return boundedByLabels(labels, budget) ?? saferThan(labels, start, budget, 0)
}

/** The judgements without a mistake that prove one wrong in a hundred: what a measurement is taken to be worth. */
const MEASURED = 299

/**
 * The same, where `start` was measured beforehand: it needs no proof, and what is proven can only lower it. It rises when
 * more turns out wrong than the measurement leaves room for.
 */
export function supportedByLabels(labels: Labels, start: number, budget: number): number {
  return Math.min(boundedByLabels(labels, budget) ?? 1, saferThan(labels, start, budget, MEASURED))
}

/** The same, where nothing may be taken for granted: `undefined` while nothing is proven. */
export function boundedByLabels({ right, wrong }: Labels, budget: number): number | undefined {
  let best: number | undefined
  let [good, bad] = [0, 0]
  for (let bin = BINS - 1; bin >= 0; bin -= 1) {
    const [more, worse] = [right[bin] ?? 0, wrong[bin] ?? 0]
    good += more
    bad += worse
    // Nothing is concluded of similarities at which nothing was judged.
    if (more + worse > 0 && isWithin(bad, good + bad, budget)) best = similarityOf(bin)
  }
  return best
}

/** Nothing is proven: at `start`, or above it as far as what was judged there was wrong more often than allowed. */
function saferThan({ right, wrong }: Labels, start: number, budget: number, credit: number): number {
  let [good, bad] = [credit, 0]
  // Of all that are good enough the lowest, since it comes last.
  let threshold = 1
  for (let bin = BINS - 1; bin >= binOf(start); bin -= 1) {
    good += right[bin] ?? 0
    bad += wrong[bin] ?? 0
    if (bad === 0 || bad / (good + bad) <= budget) threshold = similarityOf(bin)
  }
  return Math.max(start, threshold)
}
