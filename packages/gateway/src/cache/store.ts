import type { Stored } from '../body/replay.ts'

/** An answer as the cache keeps it. */
export type CacheEntry = Stored & {
  /** The `id` inside the answer, by which a DELETE finds it. */
  answerId: string | undefined
  /** A stream whose usage upstream never told: only a stream that does not ask for it can have it again. */
  untold: boolean
  /** Milliseconds since the epoch. */
  storedAt: number
}

/** The port that the memory store and Redis implement. */
export type CacheStore = {
  get: (key: string) => CacheEntry | undefined | Promise<CacheEntry | undefined>
  set: (key: string, entry: CacheEntry, ttlSeconds: number) => void | Promise<void>
  /** Forgets the entry whose answer has this id: upstream was told to delete it. */
  forget: (answerId: string) => void | Promise<void>
  clear: () => void | Promise<void>
}
