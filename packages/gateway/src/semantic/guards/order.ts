import type { Guard, Question, Word } from './guard.ts'

/** Words that give the next word a role. */
const PARTS = new Set(
  'from to into onto by than over before after for with without against versus vs if unless when while because until instead behind under on off in out of'.split(
    ' ',
  ),
)

/** Returns the stem after each role word; all of them if it occurs more than once. */
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

/** Vetoes equal words in another order or in exchanged roles: `from A to B` and `from B to A`. */
export const order: Guard = (asked, cached) =>
  partsSwapped(asked, cached) || reordered(asked, cached) || personsSwapped(asked, cached)
    ? 'order'
    : undefined

function partsSwapped(asked: Question, cached: Question): boolean {
  for (const [part, fillers] of asked.roles) {
    const others = cached.roles.get(part)
    if (others === undefined || others === fillers) continue
    // Only if both texts know both words: otherwise the question is another one, or a paraphrase.
    const mine = fillers.trim().split(' ')
    const theirs = others.trim().split(' ')
    if (mine.length !== theirs.length) continue
    if (mine.every((stem) => cached.stems.has(stem)) && theirs.every((stem) => asked.stems.has(stem)))
      return true
  }
  return false
}

/**
 * Finds two words exchanged across a third, the rest unchanged: `Anna pays Ben`, `Ben pays Anna`. Adjacent words and
 * whole clauses also change places in paraphrases (`my card's number`, `the number of my card`).
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

/** Equal as rings, i.e. rotations of each other. */
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
