import type { Guard } from './guard.ts'

/** Characters that are read. A longer text is no question, and embedders do not read it to its end, either. */
export const MAX_CHARACTERS = 2_000

export const length: Guard = (asked, cached) => (asked.long || cached.long ? 'length' : undefined)
