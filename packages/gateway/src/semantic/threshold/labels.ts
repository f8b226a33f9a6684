import { upperBound } from './bound.ts'

/** Similarities are told apart to the hundredth part of a percent of the whole scale above this one. */
const LOWEST = 0.7
export const BINS = 300

/** Judgements of one agent, by similarity: would the cached answer have served? Plain counts, so that processes can add theirs up. */
export type Labels = { right: Uint32Array; wrong: Uint32Array }

export const noLabels = (): Labels => ({ right: new Uint32Array(BINS), wrong: new Uint32Array(BINS) })

export const binOf = (similarity: number) =>
  Math.max(0, Math.min(BINS - 1, Math.floor(((similarity - LOWEST) / (1 - LOWEST)) * BINS)))

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
  let best: number | undefined
  for (let bin = BINS - 1; bin >= 0; bin -= 1) {
    // Nothing is concluded of similarities at which nothing was judged.
    const judged = (labels.right[bin] ?? 0) + (labels.wrong[bin] ?? 0) > 0
    if (judged && estimate(labels, similarityOf(bin)).upper <= budget) best = similarityOf(bin)
  }
  if (best !== undefined) return best
  return saferThan(labels, start, budget)
}

/** Nothing is proven: at `start`, or above it as far as what was judged there was wrong more often than allowed. */
function saferThan(labels: Labels, start: number, budget: number): number {
  let threshold = start
  for (let bin = binOf(start); bin < BINS; bin += 1) {
    const { wrong, rate } = estimate(labels, similarityOf(bin))
    if (wrong === 0 || rate <= budget) break
    threshold = similarityOf(bin + 1)
  }
  return Math.min(1, threshold)
}
