import type { Guard, Question } from './guard.ts'
import { areAlike } from './synonyms.ts'
import { stemOf } from './words.ts'

/** Words before a noun that narrow nothing; the nouns include `customer`, who asks anyway. */
const NEUTRAL = new Set(
  `general usual usually normal normally typical typically regular regularly own whole entire specific specifically particular certain various
proper properly correct correctly actual actually overall exact exactly common easy easily quick quickly simple simply possible possibly
available customer client user people person company personally currently already always ever still yet again even kind sort type
different difference safe safely successfully successful best good great quick little bit couple question answer wondering
step process number code detail information info status issue problem option thing name purpose reason best main important due same extra additional favorite favourite popular damn smart recent extremely highly placed pending`
    .split(/\s+/)
    .map(stemOf),
)

/** A new one of these is the usual one; new brake pads are not used ones. */
const NEW = new Set(
  'password pin passcode card account address number code phone email'.split(' ').map(stemOf),
)
const isNew = (stem: string, head = '') => stem === 'new' && NEW.has(head)

/** Tells whether a word narrows nothing: `general`, `exact`. */
export const isNeutral = (stem: string): boolean => NEUTRAL.has(stem)

/** Narrows without a noun: who `else` may do it. */
const ELSE = stemOf('else')

/**
 * Vetoes texts of which one adds a word before a noun that both have (`brake pads`, `used brake pads`), or a relative
 * clause behind it, and texts that have different words before it (`disc brakes`, `drum brakes`).
 */
export const modifier: Guard = (asked, cached) =>
  narrows(asked, cached) > unknownIn(cached, asked) || narrows(cached, asked) > unknownIn(asked, cached)
    ? 'modifier'
    : undefined

/** Returns 1 where a word is added and other words are put differently as well, else 0. */
export const modifierDoubt = (asked: Question, cached: Question): number =>
  modifier(asked, cached) === undefined && (narrows(asked, cached) > 0 || narrows(cached, asked) > 0) ? 1 : 0

/** How many content words of a text the other lacks. */
function unknownIn({ contentSet }: Question, other: Question): number {
  let count = 0
  for (const stem of contentSet) if (!isKnown(stem, other) && !NEUTRAL.has(stem)) count += 1
  return count
}

/**
 * Returns 0 where no word is added before a noun; else one more than the words that the other text may have instead: one
 * before the same noun (`disc brakes`, `drum brakes`), or none.
 */
function narrows({ phrases, stems }: Question, other: Question): 0 | 1 | 2 {
  let found: 0 | 1 = stems.has(ELSE) && !other.stems.has(ELSE) ? 1 : 0
  for (const { stem, behind } of phrases.modifiers) {
    if (
      NEUTRAL.has(stem) ||
      isNew(stem, behind[0]) ||
      !behind.some((head) => other.stems.has(head)) ||
      isKnown(stem, other)
    )
      continue
    found = 1
    const [head] = behind
    if (other.phrases.pairs.some(([before, noun]) => noun === head && !stems.has(before))) return 2
  }
  for (const { of, words } of phrases.relatives)
    if (other.stems.has(of) && words.some((stem) => !NEUTRAL.has(stem) && !isKnown(stem, other))) found = 1
  return found
}

function isKnown(stem: string, { stems, contentSet }: Question): boolean {
  if (stems.has(stem)) return true
  for (const other of contentSet) if (areAlike(stem, other)) return true
  return false
}
