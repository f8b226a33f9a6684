import * as z from 'zod/mini'
import type { Stamped } from './epoch.ts'
import { noticeSchema, type PurgeFilter } from './purge-filter.ts'

/** What other processes are told: to forget something, perhaps by a process that waits for a receipt. */
export type Invalidation = { purge: PurgeFilter; receipt?: string; stamped?: Stamped } | { answerId: string }

/** `undefined` for what is no notice of ours: anybody can write to a channel. */
export function invalidationFrom(message: string): Invalidation | undefined {
  try {
    return z.safeParse(noticeSchema, JSON.parse(message)).data as Invalidation | undefined
  } catch {
    return undefined
  }
}
