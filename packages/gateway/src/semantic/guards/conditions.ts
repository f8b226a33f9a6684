import type { Conditions, Guard } from './guard.ts'

/**
 * Closed-class words for time or condition: they decide the answer, and vectors hardly reflect them. Words in one row
 * are equivalent.
 */
const DECIDING = [
  'before|prior to|ahead of',
  'after|afterwards|once i have|once you have',
  'until|till',
  'unless|except if|except when',
  'only if|only when|only after|only once',
  'even if|even though|although|though|despite|in spite of|regardless of',
  'instead|instead of|rather than|in place of',
  'without',
  'except|excluding|apart from|other than',
  'avoid|avoids|avoided|avoiding|prevent|prevents|prevented|preventing',
  'against',
  'within',
  'outside|beyond',
  'during',
  'provided|provided that|as long as',
]
/** Often omitted in paraphrases: they distinguish two questions only if each has the other's word. */
const EXCHANGED = ['with', 'for']

const readerOf = (rows: readonly string[]) => {
  // The longest first, so that `even if` is not read as `if`.
  const all = rows
    .flatMap((row, at) => row.split('|').map((words) => ({ words, at })))
    .sort((a, b) => b.words.length - a.words.length)
  const places = new Map(all.map(({ words, at }) => [words, at]))
  const any = new RegExp(`(?<= )(?:${all.map(({ words }) => words).join('|')})(?= )`, 'g')
  return (plain: string): number[] => [
    ...new Set((` ${plain} `.match(any) ?? []).map((words) => places.get(words) ?? -1)),
  ]
}
const deciding = readerOf(DECIDING)
const exchanged = readerOf(EXCHANGED)
export const conditionsOf = (plain: string): Conditions => ({
  deciding: deciding(plain)
    .sort((a, b) => a - b)
    .join(' '),
  exchanged: exchanged(plain),
})

/** Vetoes different conditions: `before delivery` and `after delivery`, `unless it breaks` and `only if it breaks`. */
export const conditions: Guard = ({ conditions: mine }, { conditions: theirs }) => {
  if (mine.deciding !== theirs.deciding) return 'conditions'
  const isOnly = (one: readonly number[], other: readonly number[]) => one.some((at) => !other.includes(at))
  return isOnly(mine.exchanged, theirs.exchanged) && isOnly(theirs.exchanged, mine.exchanged)
    ? 'conditions'
    : undefined
}
