import type { Guard } from './guard.ts'

/** Characters that are parsed. Longer texts are not questions, and embedders do not read them to the end. */
export const MAX_CHARACTERS = 2_000

export const length: Guard = (asked, cached) => (asked.long || cached.long ? 'length' : undefined)
