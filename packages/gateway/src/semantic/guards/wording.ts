import { isAction } from './actions.ts'
import { areOpposite } from './antonyms.ts'
import type { Guard, Question } from './guard.ts'
import { STOP_WORDS } from './stop-words.ts'
import { areAlike } from './synonyms.ts'
import { isSameUnit } from './units.ts'

/** Most words replaced; with more it is another question, which the similarity tells. */
const MOST = 2
/** Longest run of words, stop words included, that contains the replaced word. */
const LONGEST = 3

/** Words that one text has instead of the other's, known synonyms left out. */
type Replaced = { mine: readonly string[]; theirs: readonly string[]; framed: boolean }

/**
 * Vetoes texts that are equal except for one noun: `the oven door`, `the oven fan`. The words count as different things
 * unless they are known synonyms. Other replaced words make a doubt.
 */
export const wording: Guard = (asked, cached) => {
  const replaced = replacedWords(asked, cached)
  return replaced !== undefined && isAnotherThing(asked, cached, replaced) ? 'wording' : undefined
}

/** Returns 1 for texts that are equal except for a word or two, else 0: paraphrases look like that, and traps. */
export function wordingDoubt(asked: Question, cached: Question): number {
  return replacedWords(asked, cached) === undefined ? 0 : 1
}

function replacedWords(asked: Question, cached: Question): Replaced | undefined {
  const mine = only(asked, cached)
  if (mine.length === 0 || mine.length > MOST) return undefined
  const theirs = only(cached, asked)
  if (theirs.length === 0 || theirs.length > MOST) return undefined
  const different = mine.filter((stem) => !theirs.some((other) => areSame(stem, other)))
  const others = theirs.filter((stem) => !mine.some((other) => areSame(stem, other)))
  if (different.length === 0 || others.length === 0) return undefined
  const single = different.length === 1 && others.length === 1
  const framed = sameFrame(asked, cached, different.length)
  if (!single && !framed && !sameRest(asked, mine, cached, theirs)) return undefined
  return { mine: different, theirs: others, framed }
}

/** Tells whether a noun is replaced where both texts use it alike. */
function isAnotherThing(asked: Question, cached: Question, { mine, theirs, framed }: Replaced): boolean {
  const { phrases } = asked
  const verbs = [
    ...mine.filter((stem) => phrases.verbs.has(stem)),
    ...theirs.filter((stem) => cached.phrases.verbs.has(stem)),
  ]
  // `cancel a booking`, `change a booking`; but `lose weight`, `reduce weight`.
  if (verbs.length > 0) return framed && verbs.length === 2 && mine.length === 1 && verbs.every(isAction)
  // `the oven door`, `the oven fan`: another head, or another word before it.
  for (const [first, second] of phrases.pairs)
    for (const [otherFirst, otherSecond] of cached.phrases.pairs) {
      if (first === otherFirst && mine.includes(second) && theirs.includes(otherSecond)) return true
      if (second === otherSecond && mine.includes(first) && theirs.includes(otherFirst)) return true
    }
  return framed
}

/** `employer` and `employee` look like forms of one word, and are not. */
const areSame = (one: string, other: string) =>
  (areAlike(one, other) && !areOpposite(one, other)) || isSameUnit(one, other)

function only({ contentSet: mine }: Question, { stems: theirs }: Question): string[] {
  const found: string[] = []
  for (const stem of mine) {
    if (!theirs.has(stem)) found.push(stem)
    if (found.length > MOST) break
  }
  return found
}

/** Tells whether all other words are equal, in any order. */
function sameRest(
  { stems: mine }: Question,
  own: readonly string[],
  { stems: theirs }: Question,
  others: readonly string[],
) {
  if (mine.size - own.length !== theirs.size - others.length) return false
  for (const stem of mine) if (!theirs.has(stem) && !own.includes(stem)) return false
  return true
}

/**
 * Tells whether the words before and after the difference are equal, with a content word among them, or all but the one
 * word.
 */
function sameFrame({ words: mine }: Question, { words: theirs }: Question, replaced: number): boolean {
  const most = Math.min(mine.length, theirs.length)
  let before = 0
  while (before < most && mine[before]?.text === theirs[before]?.text) before += 1
  let behind = 0
  while (behind < most - before && mine.at(-1 - behind)?.text === theirs.at(-1 - behind)?.text) behind += 1
  const frame = [...mine.slice(0, before), ...mine.slice(mine.length - behind)]
  if (replaced === 1 && mine.length === theirs.length && before + behind === mine.length - 1)
    return mine.length > 2
  return (
    Math.max(mine.length, theirs.length) - before - behind <= LONGEST &&
    frame.some(({ text }) => !STOP_WORDS.has(text))
  )
}
