import type { ExactPolicy } from '../core/policy.ts'

/** Redis keeps key, header and lists besides each value. Measured with Redis 7, for keys of the exact cache. */
const KEY_BYTES = 124
/** What every stored answer has: the frame, the signature, the names and times of the entry. */
const ANSWER_BYTES = 240
/** What each token of an answer adds, measured with English answers: by LZ4 up to some length, by zlib above. */
const TOKEN_BYTES = { short: 3.2, long: 1.9 }
const LONG_TOKENS = 800
/** A vector of `text-embedding-3-large` in base64. */
const VECTOR_BYTES = 12_300

type Stored = {
  freshUntil: number
  staleUntil: number
  keptUntil: number
  bytes: number
  refreshing: boolean
}

/** `fresh`; `stale`: may be served while it is refreshed; `none`: upstream has to be asked. */
export type Found = 'fresh' | 'stale' | 'none'

/** Creates a model of the exact cache in Redis: which questions have an answer, until when, and how much room they take. */
export function createStored() {
  const entries = new Map<string, Stored>()
  let bytes = 0
  let peakBytes = 0

  return {
    find(key: string, now: number): Found {
      const entry = entries.get(key)
      if (entry === undefined) return 'none'
      if (now < entry.freshUntil) return 'fresh'
      return now < entry.staleUntil ? 'stale' : 'none'
    },
    /** Returns whether this is the first to ask for a refresh of a stale answer. */
    refreshes(key: string): boolean {
      const entry = entries.get(key)
      if (entry === undefined || entry.refreshing) return false
      entry.refreshing = true
      return true
    },
    /** Stores an answer. Returns the time in milliseconds at which Redis removes it. */
    store(key: string, now: number, exact: Required<ExactPolicy>, outputTokens: number | undefined): number {
      const size = sizeOf(outputTokens)
      const freshUntil = now + exact.ttlSeconds * 1_000
      const kept = Math.max(exact.staleIfErrorSeconds, exact.staleWhileRevalidateSeconds)
      bytes += size - (entries.get(key)?.bytes ?? 0)
      peakBytes = Math.max(peakBytes, bytes)
      const keptUntil = freshUntil + (exact.ttlSeconds > 0 ? kept * 1_000 : 0)
      const staleUntil = freshUntil + exact.staleWhileRevalidateSeconds * 1_000
      entries.set(key, { freshUntil, staleUntil, keptUntil, bytes: size, refreshing: false })
      return keptUntil
    },
    /** Removes an answer if its time is over: a newer one may have taken its place. */
    expire(key: string, now: number): void {
      const entry = entries.get(key)
      if (entry === undefined || entry.keptUntil > now) return
      entries.delete(key)
      bytes -= entry.bytes
    },
    peakBytes: () => peakBytes,
  }
}

/** Bytes of an answer in Redis. @param outputTokens of its text; `undefined`: it is a vector */
function sizeOf(outputTokens: number | undefined): number {
  if (outputTokens === undefined) return KEY_BYTES + VECTOR_BYTES
  const each = outputTokens > LONG_TOKENS ? TOKEN_BYTES.long : TOKEN_BYTES.short
  return Math.round(KEY_BYTES + ANSWER_BYTES + each * outputTokens)
}
