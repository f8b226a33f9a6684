import * as z from 'zod/mini'
import type { Stamped } from './epoch.ts'
import { invalidationSchema, type PurgeFilter } from './purge-filter.ts'

/** Message to other processes: remove entries; with `receipt`, the sender waits for a confirmation. */
export type Invalidation = { purge: PurgeFilter; receipt?: string; stamped?: Stamped } | { answerId: string }

/** Parses a message; `undefined` for any other content: every Redis client can write to the channel. */
export function invalidationFrom(message: string): Invalidation | undefined {
  try {
    return z.safeParse(invalidationSchema, JSON.parse(message)).data as Invalidation | undefined
  } catch {
    return undefined
  }
}
