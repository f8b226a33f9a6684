/**
 * DDSketch with γ = 1.1: each bucket ends 10 % above the previous one, so a quantile's relative error is at most 1/21,
 * 4.8 %.
 */
const GROWTH = 1.1
/** Last bucket: 11 days in microseconds, longer than any call. */
const LAST = 290

/** Count by bucket number. Holds non-empty buckets only; two histograms merge bucket by bucket. */
export type Histogram = Map<number, number>

/** Returns the bucket of a duration in milliseconds. Bucket 0 holds up to 1 µs. */
export function bucketOf(ms: number): number {
  const microseconds = ms * 1_000
  if (!(microseconds > 1)) return 0
  return Math.min(LAST, Math.ceil(Math.log(microseconds) / Math.log(GROWTH)))
}

/** Midpoint of a bucket, with equal relative distance to both ends. */
const middleOf = (bucket: number) => (bucket === 0 ? 0.001 : (2 * GROWTH ** bucket) / (GROWTH + 1) / 1_000)

/** Returns the quantile `part` (0 to 1) in milliseconds; `undefined` for an empty histogram. */
export function quantile(histogram: Histogram, part: number): number | undefined {
  let left = 0
  for (const count of histogram.values()) left += count
  if (left === 0) return undefined
  left = Math.max(1, Math.ceil(part * left))
  const buckets = [...histogram].toSorted(([one], [other]) => one - other)
  for (const [bucket, count] of buckets) {
    left -= count
    if (left <= 0) return middleOf(bucket)
  }
  return undefined
}
