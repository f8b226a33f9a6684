import type { Guard, Word } from './guard.ts'
import { writtenNumber } from './numbers.ts'

const DATE = /^\d{1,4}([-/.])\d{1,2}\1\d{1,4}$/
const TIME = /^\d{1,2}(?::\d{2}){1,2}(?:am|pm)?$|^\d{1,2}(?:am|pm)$/
const ORDINAL = /^\d{1,9}(?:st|nd|rd|th)$/

/**
 * Returns order numbers, part numbers, e-mail addresses, links and versions, sorted: words with a digit or `@` that
 * are neither quantities nor dates. Identifiers must be equal, since no guard can interpret them.
 */
export function identifiersOf(words: readonly Word[]): string {
  const found: string[] = []
  for (const [at, { text }] of words.entries())
    if (words[at - 1]?.text === '#' || text.includes('@') || isCode(text) || isVersion(words, at))
      found.push(text.replaceAll(/[-_]/g, ''))
  return found.sort().join(' ')
}

/** `1.10` is another version than `1.1`, and the same amount. */
const isVersion = (words: readonly Word[], at: number) =>
  /^\d+\.\d+$/.test(words[at]?.text ?? '') &&
  /^(?:version|v|ios|macos|android|windows|release|firmware|python|node|java)$/.test(
    words[at - 1]?.text ?? '',
  )

const isCode = (text: string) =>
  /\p{N}/u.test(text) &&
  writtenNumber(text) === undefined &&
  !DATE.test(text) &&
  !TIME.test(text) &&
  !ORDINAL.test(text)

export const identifiers: Guard = (asked, cached) =>
  asked.identifiers === cached.identifiers ? undefined : 'identifiers'
