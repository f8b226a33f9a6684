import type { Guard, Question } from './guard.ts'
import { areAlike } from './synonyms.ts'
import { stemOf } from './words.ts'

/** Words before a noun that narrow nothing; the nouns include `customer`, who asks anyway. */
const NEUTRAL = new Set(
  `general usual usually normal normally typical typically regular regularly own whole entire specific specifically particular certain various
proper properly correct correctly actual actually overall exact exactly common easy easily quick quickly simple simply possible possibly
available customer client user people person company personally currently already always ever still yet again even kind sort type
different difference safe safely successfully successful new best good great quick little bit couple whole today day question answer wondering
step process number code detail information info status issue problem option thing name purpose reason best main important due same extra additional favorite favourite popular damn smart recent`
    .split(/\s+/)
    .map(stemOf),
)

/** Tells whether a word narrows nothing: `general`, `exact`. */
export const isNeutral = (stem: string): boolean => NEUTRAL.has(stem)

/** `somebody else` narrows, without a noun. */
const ELSE = stemOf('else')

/** With more other words replaced, the texts are put differently anyway, and a word more is but a doubt. */
const MOST_REPLACED = 1

/**
 * Vetoes texts of which one adds a word before a noun that both have (`brake pads`, `used brake pads`), or a relative
 * clause behind it, and texts that have different words before it (`disc brakes`, `drum brakes`).
 */
export const modifier: Guard = (asked, cached) =>
  areClose(asked, cached) && isNarrowed(asked, cached) ? 'modifier' : undefined

/** Returns 1 where a word is added and much else is put differently, else 0. */
export const modifierDoubt = (asked: Question, cached: Question): number =>
  !areClose(asked, cached) && isNarrowed(asked, cached) ? 1 : 0

const isNarrowed = (asked: Question, cached: Question) => narrows(asked, cached) || narrows(cached, asked)

/** Tells whether nearly all words of one text are in the other. */
const areClose = (asked: Question, cached: Question) =>
  unknownIn(asked, cached) <= MOST_REPLACED || unknownIn(cached, asked) <= MOST_REPLACED

function unknownIn({ contentSet }: Question, other: Question): number {
  let count = 0
  for (const stem of contentSet) if (!isKnown(stem, other) && !NEUTRAL.has(stem)) count += 1
  return count
}

function narrows({ phrases, stems }: Question, other: Question): boolean {
  if (stems.has(ELSE) && !other.stems.has(ELSE)) return true
  for (const { stem, behind } of phrases.modifiers)
    if (!NEUTRAL.has(stem) && behind.some((head) => other.stems.has(head)) && !isKnown(stem, other)) return true
  for (const { of, words } of phrases.relatives)
    if (other.stems.has(of) && words.some((stem) => !NEUTRAL.has(stem) && !isKnown(stem, other))) return true
  return false
}

function isKnown(stem: string, { stems, contentSet }: Question): boolean {
  if (stems.has(stem)) return true
  for (const other of contentSet) if (areAlike(stem, other)) return true
  return false
}
