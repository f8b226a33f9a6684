import { WINDOW_MS } from './limits.ts'

/** Length of a counted window, in milliseconds: a minute, and 250 ms for the time that a call takes to reach upstream. */
export const SPAN_MS = WINDOW_MS.minute + 250

const SECOND_MS = 1_000

/** Admissions within one second (or `bucketMs`). `stamp`: time of the latest one; the whole bucket expires with it. */
type Bucket = { number: number; stamp: number; requests: number; tokens: number }

export type Window = ReturnType<typeof createWindow>

/**
 * Creates a sliding window of one minute in at most 62 one-second buckets. It counts up to one bucket too much, never too
 * little, so no span of 60 seconds holds more than the limit.
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
    /** Returns the load of the window, and removes expired buckets. */
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
    /** Adds an admission. Returns the number of its bucket. */
    add(now: number, requests: number, tokens: number): number {
      const bucket = bucketAt(now)
      bucket.requests += requests
      bucket.tokens += tokens
      return bucket.number
    },
    /** Gives back unused tokens to a bucket; does nothing if it has expired. */
    giveBack(number: number, tokens: number) {
      const bucket = buckets.find((bucket) => bucket.number === number)
      if (bucket) bucket.tokens = Math.max(0, bucket.tokens - tokens)
    },
    /** Returns the milliseconds until `excess` of this kind has left the window. */
    freeIn(now: number, kind: 'requests' | 'tokens', excess: number): number {
      let freed = 0
      for (const bucket of buckets) {
        freed += bucket[kind]
        if (freed >= excess) return Math.max(1, bucket.stamp + SPAN_MS - now)
      }
      return SPAN_MS
    },
    /** Returns the milliseconds until the window is empty, if nothing is added. */
    emptyIn(now: number): number {
      const newest = buckets.at(-1)
      return newest === undefined ? 0 : Math.max(1, newest.stamp + SPAN_MS - now)
    },
    buckets: (): readonly Bucket[] => buckets,
  }
}
