import { areOpposite } from './antonyms.ts'
import type { Guard, Question } from './guard.ts'
import { STOP_WORDS } from './stop-words.ts'
import { areAlike } from './synonyms.ts'

/** So many words may stand in for others before it is another question anyway, for the similarity to tell. */
const MOST = 2
/** Words in a row, small ones among them, of which one is in the place of another. */
const LONGEST = 3

/**
 * Two texts alike but for one word in the place of another: `the oven door`, `the oven fan`. Paraphrases rarely look so,
 * traps do. What is different is taken to be a different thing, unless it is known to be the same.
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

/** `employer` and `employee` look like forms of one word, and are none. */
const areSame = (one: string, other: string) => areAlike(one, other) && !areOpposite(one, other)

function only({ contentSet: mine }: Question, { stems: theirs }: Question): string[] {
  const found: string[] = []
  for (const stem of mine) {
    if (!theirs.has(stem)) found.push(stem)
    if (found.length > MOST) break
  }
  return found
}

/** All other words are the same, wherever they stand. */
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

/** Word by word the same before and behind what differs, something of meaning among it. */
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
