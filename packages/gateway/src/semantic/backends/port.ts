import type { RedisConnection } from '../../redis/connection.ts'
import type { EntryRef } from '../store/port.ts'

export type { EntryRef }

/** A stored entry: signed by its writer, and verified before each use. */
export type StoredEntry = EntryRef & { value: Buffer }

/**
 * Vectors and entries in a database shared by all processes, which finds nearest neighbours itself. Every method may
 * reject or never settle: callers set a deadline by `signal`.
 */
export type VectorBackend = {
  /** Returns the likely nearest entries, unordered, without expired ones. */
  nearest: (
    partition: string,
    vector: Int8Array,
    count: number,
    signal: AbortSignal,
  ) => Promise<Omit<StoredEntry, 'partition'>[]>
  get: (place: EntryRef, signal: AbortSignal) => Promise<Buffer | undefined>
  /** Overwrites an entry. Resolves `false` if there is no space. */
  put: (entry: StoredEntry & { vector: Int8Array; expires: number }, signal: AbortSignal) => Promise<boolean>
  /** Absent if entries are ordinary values of the shared Redis, which is scanned instead. */
  scan:
    | {
        /**
         * Returns a page of entries whose partition starts with `prefix`, in a stable order, after the entry `after`.
         */
        page: (prefix: string, after: EntryRef | undefined, signal: AbortSignal) => Promise<StoredEntry[]>
        /** Resolves with the number of entries deleted. */
        remove: (places: EntryRef[], signal: AbortSignal) => Promise<number>
      }
    | undefined
}

/** Value of `cache.semantic.index` for such a database. */
export type VectorBackendFactory = {
  type: 'backend'
  name: string
  open: (deps: { redis: RedisConnection | undefined; dims: number; sharedBytes: number }) => VectorBackend
}
