/** A call is out of the window 60 s after it reached upstream; the guard covers its flight there. */
export const SPAN_MS = 60_000 + 250

const SECOND_MS = 1_000

/** What was admitted within one second (or `bucketMs`), stamped with the latest of it: the whole leaves the window with that. */
type Bucket = { number: number; stamp: number; requests: number; tokens: number }

export type Window = ReturnType<typeof createWindow>

/**
 * The last minute as at most 62 one-second buckets. It errs on the side of refusing, by a bucket at most, and so no
 * span of 60 seconds, wherever it begins, holds more than the limit.
 * @param bucketMs Length of a bucket, in milliseconds.
 */
export function createWindow(bucketMs = SECOND_MS) {
  let buckets: Bucket[] = []

  function bucketAt(now: number): Bucket {
    const number = Math.floor(now / bucketMs)
    const last = buckets.at(-1)
    if (last?.number === number) {
      last.stamp = now
      return last
    }
    const bucket = { number, stamp: now, requests: 0, tokens: 0 }
    buckets.push(bucket)
    return bucket
  }

  return {
    /** What the window holds at this moment. */
    load(now: number): { requests: number; tokens: number } {
      if (buckets[0] && buckets[0].stamp + SPAN_MS <= now)
        buckets = buckets.filter(({ stamp }) => stamp + SPAN_MS > now)
      let requests = 0
      let tokens = 0
      for (const bucket of buckets) {
        requests += bucket.requests
        tokens += bucket.tokens
      }
      return { requests, tokens }
    },
    add(now: number, requests: number, tokens: number): number {
      const bucket = bucketAt(now)
      bucket.requests += requests
      bucket.tokens += tokens
      return bucket.number
    },
    /** Tokens that were reserved in that bucket and not used; too late, if it has left the window. */
    giveBack(number: number, tokens: number) {
      const bucket = buckets.find((bucket) => bucket.number === number)
      if (bucket) bucket.tokens = Math.max(0, bucket.tokens - tokens)
    },
    /** Milliseconds until `excess` of this kind has left the window. */
    freeIn(now: number, kind: 'requests' | 'tokens', excess: number): number {
      let freed = 0
      for (const bucket of buckets) {
        freed += bucket[kind]
        if (freed >= excess) return Math.max(1, bucket.stamp + SPAN_MS - now)
      }
      return SPAN_MS
    },
    /** Milliseconds until it is empty, if nothing is added. */
    emptyIn(now: number): number {
      const newest = buckets.at(-1)
      return newest === undefined ? 0 : Math.max(1, newest.stamp + SPAN_MS - now)
    },
    buckets: (): readonly Bucket[] => buckets,
  }
}
