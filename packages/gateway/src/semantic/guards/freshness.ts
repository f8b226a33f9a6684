import type { Guard, Word } from './guard.ts'

const WORDS = new Set(
  'today tonight tomorrow yesterday now currently current nowadays presently latest newest recent recently live breaking upcoming trending'.split(
    ' ',
  ),
)
const PHRASES =
  /\b(?:at (?:the|this) moment|right away|as of|up to date|so far|this (?:week|weekend|month|morning|afternoon|evening|year|season|quarter|minute)|(?:last|next|past) (?:\d+ )?(?:week|weekend|month|night|year|quarter|hour|minute|day|few days)s?|these days|just (?:now|happened|released)|in stock|still (?:on|open|available|valid)|(?:open|closed) (?:yet|still)|what time is it|how long ago|until when)\b/

/** Tells whether the correct answer changes soon. */
export const isMomentary = (words: readonly Word[], plain: string): boolean =>
  words.some(({ text }) => WORDS.has(text)) || PHRASES.test(plain)

/** Vetoes questions about the present: age makes their answers wrong, so even an equal question goes to upstream. */
export const freshness: Guard = (asked, cached) =>
  asked.momentary || cached.momentary ? 'freshness' : undefined
