import type { Guard, Word } from './guard.ts'

const WORDS = new Set(
  'today tonight tomorrow yesterday now currently current nowadays presently latest newest recent recently breaking upcoming trending'.split(
    ' ',
  ),
)
const PHRASES =
  /\b(?:at (?:the|this) moment|right away|as of|up to date|so far|this (?:week|weekend|month|morning|afternoon|evening|year|season|quarter|minute)|(?:last|next|past) (?:\d+ )?(?:week|weekend|month|night|year|quarter|hour|minute|day|few days)s?|these days|just (?:now|happened|released)|in stock|still (?:on|open|available|valid)|(?:open|closed) (?:yet|still)|what time is it|how long ago|until when)\b/

/** `live scores`, but not `I live in Ohio`. */
const LIVE =
  /\blive (?:scores?|updates?|prices?|rates?|quotes?|streams?|streaming|coverage|results?|feeds?|news|traffic|odds|games?|match(?:es)?|now|tv|status|tracking|map|data)\b|\b(?:is|are|going|go|goes|watch|watching|broadcast|air|streamed) (?:\w+ ){0,3}(?<!\b(?:i|you|we|they|to|people|who) )live\b/
/** Of German, Spanish and French: other guards refuse their texts, but not equal ones. */
const FOREIGN = new Set(
  'heute gestern morgen jetzt gerade aktuell aktuelle aktueller aktuellen aktuelles derzeit momentan zurzeit neueste neuesten hoy ayer ahora actualmente actual actuales reciente últimas últimos mañana aujourd hui hier demain maintenant actuellement actuel actuelle récent dernière dernières'.split(
    ' ',
  ),
)

/** Tells whether the correct answer changes soon. */
export const isMomentary = (words: readonly Word[], plain: string): boolean =>
  words.some(
    ({ text }, at) =>
      FOREIGN.has(text) || (WORDS.has(text) && !(text === 'now' && words[at - 1]?.text === 'what')),
  ) ||
  PHRASES.test(plain) ||
  LIVE.test(plain)

/** Vetoes questions about the present: age makes their answers wrong, so even an equal question goes to upstream. */
export const freshness: Guard = (asked, cached) =>
  asked.momentary || cached.momentary ? 'freshness' : undefined
