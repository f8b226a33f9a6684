import type { Guard, Word } from './guard.ts'

const DATE = /^\d{1,4}([-/.])\d{1,2}\1\d{1,4}$/
const TIME = /^\d{1,2}(?::\d{2}){1,2}(?:am|pm)?$|^\d{1,2}(?:am|pm)$/
/** A number, a unit at most behind it, or an ordinal: other guards' business. */
const QUANTITY = /^\d[\d.,]*[a-z]{0,7}$/

/** Order numbers, part numbers, e-mail addresses, links, versions: whatever is no word and no quantity, sorted. */
export function identifiersOf(words: readonly Word[]): string {
  const found: string[] = []
  for (const [at, { text }] of words.entries()) {
    if (text.includes('@')) found.push(text)
    else if (words[at - 1]?.text === '#') found.push(text.replaceAll(/[-_]/g, ''))
    else if (/\d/.test(text) && !DATE.test(text) && !TIME.test(text) && !QUANTITY.test(text))
      found.push(text.replaceAll(/[-_]/g, ''))
    else if (DIGITS.test(text)) found.push(text)
  }
  return found.sort().join(' ')
}

/** Digits of other scripts, and dotted groups: what no number reader here can judge must at least be the same. */
const DIGITS = /^(?!\d+(?:[.,]\d+)*[a-z]{0,7}$).*\p{N}/u

export const identifiers: Guard = (asked, cached) =>
  asked.identifiers === cached.identifiers ? undefined : 'identifiers'
