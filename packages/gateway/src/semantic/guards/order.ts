import type { Guard, Ordered, Phrases, Question, Word } from './guard.ts'
import { isVerbStem } from './verbs.ts'

/** Words that give the next word a role. */
const PARTS = new Set(
  'from to into onto by than over before after for with without against versus vs if unless when while because until instead behind under on off in out of as'.split(
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

type Is = (word: Word) => boolean

const BE = /^(?:is|are|was|were|be|been|being|get|gets|got)$/
const PARTICIPLE =
  /ed$|en$|^(?:sent|paid|made|built|sold|bought|kept|found|held|met|put|set|read|done|run|cut|hit|shut)$/
const BOTH = /^(?:and|or|vs|versus|nor)$/
const QUESTION_WORD = /^(?:how|why|when|where|if)$/
const SKIPPED = /^(?:the|a|an|to|my|your)$/

/** Returns content words in the order of the active voice, and with the members of `A and B` sorted. */
export function orderedOf(words: readonly Word[], isContent: Is): Ordered {
  const active = activeOf(words, isContent)
  const stems: string[] = []
  for (let at = 0; at < active.length; at += 1) {
    const word = active[at] as Word
    if (!isContent(word) || word.text === 'not') continue
    let other = at + 1
    if (BOTH.test(active[other]?.text ?? '')) {
      do other += 1
      while (SKIPPED.test(active[other]?.text ?? ''))
      const second = active[other]
      if (second !== undefined && isContent(second)) {
        stems.push(...[word.stem, second.stem].sort())
        at = other
        continue
      }
    }
    stems.push(word.stem)
  }
  return { stems }
}

/** `is Y replaced by X` is `X replaces Y`, and `are parts sold` is `sell parts`. */
function activeOf(words: readonly Word[], isContent: Is): readonly Word[] {
  const be = words.findIndex(({ text }) => BE.test(text))
  if (be < 0) return words
  const verb = words.findIndex(
    ({ text, stem }, at) =>
      at > be && PARTICIPLE.test(text) && isVerbStem(stem) && words[at + 1]?.text !== 'to',
  )
  if (verb < 0) return words
  let subject = verb
  while (subject > 0 && !QUESTION_WORD.test(words[subject - 1]?.text ?? '')) subject -= 1
  const before = words.slice(0, subject)
  const participle = words.slice(verb, verb + 1)
  if (words[verb + 1]?.text !== 'by')
    return [...before, ...participle, ...words.slice(subject, verb), ...words.slice(verb + 1)]
  let end = verb + 2
  while (end < words.length && (isContent(words[end] as Word) || SKIPPED.test(words[end]?.text ?? '')))
    end += 1
  return [
    ...before,
    ...words.slice(verb + 2, end),
    ...participle,
    ...words.slice(subject, verb),
    ...words.slice(end),
  ]
}

/** Vetoes equal words in exchanged roles: `from A to B` and `from B to A`, `Anna pays Ben` and `Ben pays Anna`. */
export const order: Guard = (asked, cached) =>
  partsSwapped(asked, cached) ||
  wordsSwapped(asked.ordered, cached.ordered) ||
  modifiersSwapped(asked, cached) ||
  personsSwapped(asked, cached)
    ? 'order'
    : undefined

/**
 * Returns 2 for equal words in another order of which no rule tells whether it matters, 1 for two parts that changed
 * places, 0 where a word like `if`, `in` or `of` tells that they may (`the number of my card`).
 */
export function orderDoubt(asked: Question, cached: Question): number {
  const [mine, theirs] = [asked.ordered.stems, cached.ordered.stems]
  if (mine.length < 2 || !isPermuted(mine, theirs)) return 0
  const moved = movedIn(mine, theirs)
  if (moved.length === 0) return 0
  const [first = 0, last = 0] = [moved[0], moved.at(-1)]
  const part = mine.slice(first, last + 1)
  if (!isTurned(part, theirs.slice(first, last + 1))) return 2
  return hasRole(asked, part) || hasRole(cached, part) ? 0 : 1
}

/** Tells whether a word like `if`, `in` or `of` stands before one of the words. */
const hasRole = ({ roles }: Question, stems: readonly string[]) =>
  [...roles.values()].some((fillers) =>
    fillers
      .trim()
      .split(' ')
      .some((stem) => stems.includes(stem)),
  )

/** `comes with a cable`, `included with the kettle`: these change places without a change of meaning. */
const LOOSE = new Set('with of by as in on under if when while because'.split(' '))

function partsSwapped(asked: Question, cached: Question): boolean {
  const permuted = isPermuted(asked.ordered.stems, cached.ordered.stems)
  for (const [part, fillers] of asked.roles) {
    if (LOOSE.has(part) && !permuted) continue
    const others = cached.roles.get(part)
    if (others === undefined || others === fillers) continue
    // Only if both texts know both words: otherwise the question is another one, or a paraphrase.
    const mine = fillers.trim().split(' ')
    const theirs = others.trim().split(' ')
    if (mine.length !== theirs.length || mine.toSorted().join(' ') === theirs.toSorted().join(' ')) continue
    if (mine.every((stem) => cached.stems.has(stem)) && theirs.every((stem) => asked.stems.has(stem)))
      return !inBoth(asked, mine, theirs) || !inBoth(cached, mine, theirs)
  }
  return false
}

/** `to buy or lease`, `to lease or buy`: both members of one coordination. */
const inBoth = ({ words }: Question, mine: readonly string[], theirs: readonly string[]) =>
  words.some(({ text }, at) => {
    if (!BOTH.test(text)) return false
    const near = [words[at - 1]?.stem, ...words.slice(at + 1, at + 3).map(({ stem }) => stem)]
    return [...mine, ...theirs].every((stem) => near.includes(stem))
  })

const movedIn = (mine: readonly string[], theirs: readonly string[]) => {
  const moved: number[] = []
  for (const [at, stem] of mine.entries()) if (stem !== theirs[at]) moved.push(at)
  return moved
}

const isPermuted = (mine: readonly string[], theirs: readonly string[]) =>
  mine.length === theirs.length && mine.toSorted().join(' ') === theirs.toSorted().join(' ')

/**
 * Finds two words exchanged across a third, the rest unchanged: `Anna pays Ben`, `Ben pays Anna`. Adjacent words and
 * whole clauses also change places in paraphrases (`my card's number`, `the number of my card`).
 */
function wordsSwapped({ stems: mine }: Ordered, { stems: theirs }: Ordered): boolean {
  if (mine.length !== theirs.length || mine.length < 3) return false
  const moved = movedIn(mine, theirs)
  const [first = 0, last = 0] = [moved[0], moved.at(-1)]
  if (moved.length !== 2 || last - first < 2) return false
  return isPermuted(mine, theirs)
}

/** Equal as rings, i.e. rotations of each other. */
const isTurned = (mine: readonly string[], theirs: readonly string[]) =>
  ` ${mine.join(' ')} ${mine.join(' ')} `.includes(` ${theirs.join(' ')} `)

/** `a bad person`, `a good person`, where both texts have `bad` and `good`. */
function modifiersSwapped(asked: Question, cached: Question): boolean {
  const { phrases: mine, stems } = asked
  const { phrases: theirs, stems: others } = cached
  for (const [one, head] of mine.pairs)
    for (const [other, same] of theirs.pairs)
      if (
        head === same &&
        one !== other &&
        !inBoth(asked, [one], [other]) &&
        others.has(one) &&
        stems.has(other) &&
        !theirs.pairs.some(([first, second]) => first === one && second === head) &&
        !mine.pairs.some(([first, second]) => first === other && second === head)
      )
        return !inOnePhrase(mine, one, other) && !inOnePhrase(theirs, one, other)
  return false
}

/** `rear left sensor` and `left rear sensor` are one. */
const inOnePhrase = ({ modifiers }: Phrases, one: string, other: string) =>
  modifiers.some(
    ({ stem, behind }) =>
      (stem === one && behind.includes(other)) || (stem === other && behind.includes(one)),
  )

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
