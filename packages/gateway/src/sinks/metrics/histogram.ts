/** Each bucket ends a tenth above the one before it: a quantile is off by at most 1/21, which is 4.8 %. */
const GROWTH = 1.1
/** Eleven days, in microseconds. Nothing takes longer. */
const LAST = 290

/** How often each bucket was met. Only those that were are there, so that two of them add up bucket by bucket. */
export type Histogram = Map<number, number>

/** The bucket of a duration in milliseconds. The first holds everything up to a microsecond. */
export function bucketOf(ms: number): number {
  const microseconds = ms * 1_000
  if (!(microseconds > 1)) return 0
  return Math.min(LAST, Math.ceil(Math.log(microseconds) / Math.log(GROWTH)))
}

/** As far from the bucket's beginning as from its end, in proportion. */
const middleOf = (bucket: number) => (bucket === 0 ? 0.001 : (2 * GROWTH ** bucket) / (GROWTH + 1) / 1_000)

/** The smallest duration that `part` of all are no longer than, in milliseconds; `undefined` of nothing. */
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
