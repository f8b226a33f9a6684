import { areOpposite } from './antonyms.ts'
import type { Guard, Question } from './guard.ts'
import { STOP_WORDS } from './stop-words.ts'
import { areAlike } from './synonyms.ts'

/** Most words replaced; with more it is another question, which the similarity tells. */
const MOST = 2
/** Longest run of words, stop words included, that contains the replaced word. */
const LONGEST = 3

/**
 * Vetoes texts that are equal except for one word: `the oven door`, `the oven fan`. Paraphrases rarely look like that,
 * traps do. The words count as different things unless they are known synonyms.
 */
export const wording: Guard = (asked, cached) => {
  const mine = only(asked, cached)
  if (mine.length === 0 || mine.length > MOST) return undefined
  const theirs = only(cached, asked)
  if (theirs.length === 0 || theirs.length > MOST) return undefined
  const different = mine.filter((stem) => !theirs.some((other) => areSame(stem, other)))
  const others = theirs.filter((stem) => !mine.some((other) => areSame(stem, other)))
  if (different.length === 0 || others.length === 0) return undefined
  if (different.length === 1 && others.length === 1) return 'wording'
  return sameFrame(asked, cached) || sameRest(asked, mine, cached, theirs) ? 'wording' : undefined
}

/** `employer` and `employee` look like forms of one word, and are not. */
const areSame = (one: string, other: string) => areAlike(one, other) && !areOpposite(one, other)

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

/** Tells whether the words before and after the difference are equal, with a content word among them. */
function sameFrame({ words: mine }: Question, { words: theirs }: Question): boolean {
  const most = Math.min(mine.length, theirs.length)
  let before = 0
  while (before < most && mine[before]?.text === theirs[before]?.text) before += 1
  let behind = 0
  while (behind < most - before && mine.at(-1 - behind)?.text === theirs.at(-1 - behind)?.text) behind += 1
  const frame = [...mine.slice(0, before), ...mine.slice(mine.length - behind)]
  return (
    Math.max(mine.length, theirs.length) - before - behind <= LONGEST &&
    frame.some(({ text }) => !STOP_WORDS.has(text))
  )
}
