import type { Guard, Question, Word } from './guard.ts'

/** Words that give what follows them a part to play. */
const PARTS = new Set(
  'from to into onto by than over before after for with without against versus vs if unless when while because until instead behind under on off in out of'.split(
    ' ',
  ),
)

/** The stem that follows each word that deals out parts, with all of them if it stands more than once. */
export function rolesOf(words: readonly Word[], stopWords: ReadonlySet<string>): Map<string, string> {
  const roles = new Map<string, string>()
  for (const [at, { text }] of words.entries()) {
    if (!PARTS.has(text)) continue
    for (let next = at + 1; next < Math.min(words.length, at + 5); next += 1) {
      const word = words[next]
      if (word === undefined || PARTS.has(word.text)) break
      if (stopWords.has(word.text)) continue
      roles.set(text, `${roles.get(text) ?? ''} ${word.stem}`)
      break
    }
  }
  return roles
}

/** The same words in another order, or in each other's parts: `from A to B` is not `from B to A`. */
export const order: Guard = (asked, cached) =>
  partsSwapped(asked, cached) || reordered(asked, cached) || personsSwapped(asked, cached)
    ? 'order'
    : undefined

function partsSwapped(asked: Question, cached: Question): boolean {
  for (const [part, fillers] of asked.roles) {
    const others = cached.roles.get(part)
    if (others === undefined || others === fillers) continue
    // Only where both texts know both: otherwise something else is asked, or the same in other words.
    const mine = fillers.trim().split(' ')
    const theirs = others.trim().split(' ')
    if (mine.length !== theirs.length) continue
    if (mine.every((stem) => cached.stems.has(stem)) && theirs.every((stem) => asked.stems.has(stem)))
      return true
  }
  return false
}

/**
 * Two words that changed places across a third, with the rest as it was: `Anna pays Ben`, `Ben pays Anna`. Neighbours
 * change places in paraphrases too (`my card's number`, `the number of my card`), and so do whole clauses.
 */
function reordered({ content: mine }: Question, { content: theirs }: Question): boolean {
  if (mine.length !== theirs.length || mine.length < 3) return false
  const moved: number[] = []
  for (const [at, stem] of mine.entries()) if (stem !== theirs[at]) moved.push(at)
  const [first = 0, last = 0] = [moved[0], moved.at(-1)]
  if (moved.length < 2 || last - first < 2) return false
  if (mine.toSorted().join(' ') !== theirs.toSorted().join(' ')) return false
  return !isTurned(mine.slice(first, last + 1), theirs.slice(first, last + 1))
}

/** Seen as a ring, the same. */
const isTurned = (mine: readonly string[], theirs: readonly string[]) =>
  ` ${mine.join(' ')} ${mine.join(' ')} `.includes(` ${theirs.join(' ')} `)

const DOER = /^(?:he|she|they)$/
const DONE_TO = /^(?:him|them)$/

/** `He owes me`, `I owe him`. */
const personsSwapped = (asked: Question, cached: Question) =>
  (iDoToThem(asked) && theyDoToMe(cached)) || (theyDoToMe(asked) && iDoToThem(cached))

const has = ({ words }: Question, which: RegExp) => words.some(({ text }) => which.test(text))
const iDoToThem = (question: Question) =>
  has(question, /^(?:i|we)$/) && has(question, DONE_TO) && !has(question, DOER)
const theyDoToMe = (question: Question) =>
  has(question, /^(?:me|us)$/) && has(question, DOER) && !has(question, DONE_TO)
