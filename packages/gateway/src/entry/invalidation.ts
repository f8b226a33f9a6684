import * as z from 'zod/mini'
import type { Stamped } from './epoch.ts'
import { noticeSchema, type Purge } from './purge-filter.ts'

/** What other processes are told: to forget something, perhaps by a process that waits for a receipt. */
export type Notice = { purge: Purge; receipt?: string; stamped?: Stamped } | { answerId: string }

/** `undefined` for what is no notice of ours: anybody can write to a channel. */
export function noticeFrom(message: string): Notice | undefined {
  try {
    return z.safeParse(noticeSchema, JSON.parse(message)).data as Notice | undefined
  } catch {
    return undefined
  }
}
