/** A call is out of the window 60 s after it reached upstream; the guard covers its flight there. */
export const SPAN_MS = 60_000 + 250

/** What was admitted within one second, stamped with the latest of it: the whole bucket leaves the window with that. */
type Bucket = { second: number; stamp: number; requests: number; tokens: number }

export type Window = ReturnType<typeof createWindow>

/**
 * The last minute as at most 62 one-second buckets. It errs on the side of refusing, by a second at most, and so no
 * span of 60 seconds, wherever it begins, holds more than the limit.
 */
export function createWindow() {
  let buckets: Bucket[] = []

  function bucketAt(now: number): Bucket {
    const second = Math.floor(now / 1_000)
    const last = buckets.at(-1)
    if (last?.second === second) {
      last.stamp = now
      return last
    }
    const bucket = { second, stamp: now, requests: 0, tokens: 0 }
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
      return bucket.second
    },
    /** Tokens that were reserved in that second and not used; too late, if it has left the window. */
    giveBack(second: number, tokens: number) {
      const bucket = buckets.find((bucket) => bucket.second === second)
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
