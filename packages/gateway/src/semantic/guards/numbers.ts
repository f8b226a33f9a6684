import type { Guard, Word } from './guard.ts'
import { isUnit } from './units.ts'

const SMALL =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'
const TENS = 'twenty thirty forty fifty sixty seventy eighty ninety'
const ORDINALS = 'first second third fourth fifth sixth seventh eighth ninth tenth'
const VALUES = new Map<string, number>([
  ...SMALL.split(' ').map((word, at): [string, number] => [word, at]),
  ...TENS.split(' ').map((word, at): [string, number] => [word, at * 10 + 20]),
  ['dozen', 12],
])
const SCALES = new Map([
  ['hundred', 100],
  ['thousand', 1_000],
  ['million', 1_000_000],
  ['billion', 1_000_000_000],
])
const SHORT_SCALES = new Map([
  ['k', 1_000],
  ['m', 1_000_000],
  ['mm', 1_000_000],
  ['bn', 1_000_000_000],
])
/** Before these `one` is a number; elsewhere a pronoun. */
const COUNTED =
  /^(?:hour|day|night|week|month|year|minute|dollar|euro|pound|percent|time|item|hundred|thousand)s?$/
const ORDINAL = new Map(ORDINALS.split(' ').map((word, at): [string, number] => [word, at + 1]))
/** `x2`: twice, which is not `two`. */
const TIMES = new Map([
  ['once', 'x1'],
  ['twice', 'x2'],
  ['thrice', 'x3'],
  ['double', 'x2'],
  ['triple', 'x3'],
  ['half', '0.5'],
  ['quarter', '0.25'],
])

/** Quantities, dates and codes: compared by value in their guards, never as words. */
export const isNumber = (word: string): boolean => VALUES.has(word) || SCALES.has(word) || /\p{N}/u.test(word)

/** A quantity in one notation (`1,000`, `1000.00`, `1k` and `one thousand` are equal), and what it counts. */
export type Quantity = { value: string; of: string }

export function numbersOf(words: readonly Word[]): Quantity[] {
  const found: Quantity[] = []
  const put = (value: string, behind: number) => found.push({ value, of: words[behind]?.stem ?? '' })
  let at = 0
  while (at < words.length) {
    const word = words[at]?.text ?? ''
    const spelt = speltOut(words, at)
    if (spelt !== undefined) {
      put(String(spelt.value), spelt.next)
      at = spelt.next
      continue
    }
    const ordinal = ordinalOf(words, at)
    const written = writtenNumber(word)
    if (ordinal !== undefined) put(`${ordinal}.`, at + 1)
    else if (written !== undefined) {
      const scale = SCALES.get(words[at + 1]?.text ?? '')
      if (scale !== undefined) at += 1
      put(String(written * (scale ?? 1)), at + 1)
    } else if (TIMES.has(word) && !isFigurative(words, at)) put(TIMES.get(word) ?? '', at + 1)
    at += 1
  }
  return found.sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : 0))
}

/** `at once`, `once again`. */
const isFigurative = (words: readonly Word[], at: number) =>
  words[at]?.text === 'once' &&
  (words[at - 1]?.text === 'at' || /^(?:again|more)$/.test(words[at + 1]?.text ?? ''))

/** Parses digits with at most a short scale or unit behind them. Returns `undefined` for a code. */
export function writtenNumber(word: string): number | undefined {
  const [, digits, behind = ''] = /^(\d[\d.,]*)([a-z]*)$/.exec(word) ?? []
  // `0071` is a part number, not 71.
  if (digits === undefined || /^0\d/.test(digits)) return undefined
  const scale = SHORT_SCALES.get(behind)
  if (behind !== '' && scale === undefined && !isUnit(behind)) return undefined
  const value = amountOf(digits)
  return value === undefined ? undefined : value * (scale ?? 1)
}

function amountOf(digits: string): number | undefined {
  // The last mark is the decimal mark, unless three digits follow and it can group thousands.
  const plain = /^\d{1,3}(?:,\d{3})+(?:\.\d+)?$/.test(digits)
    ? digits.replaceAll(',', '')
    : /^\d{1,3}(?:\.\d{3})+,\d+$/.test(digits)
      ? digits.replaceAll('.', '').replace(',', '.')
      : digits.replace(',', '.')
  return /^\d{1,15}(?:\.\d{1,15})?$/.test(plain) ? Number(plain) : undefined
}

function speltOut(words: readonly Word[], from: number): { value: number; next: number } | undefined {
  const first = words[from]?.text ?? ''
  if (!VALUES.has(first)) return undefined
  if (first === 'one' && !COUNTED.test(words[from + 1]?.text ?? '')) return undefined
  let total = 0
  let group = 0
  let at = from
  for (; at < words.length; at += 1) {
    const word = words[at]?.text ?? ''
    const value = VALUES.get(word)
    const scale = SCALES.get(word)
    // `two five` is two numbers, `twenty five` is one.
    if (value !== undefined && (group % 100 === 0 || (group % 100 >= 20 && group % 10 === 0 && value < 10)))
      group += value
    else if (scale === 100 && group > 0) group *= 100
    else if (scale !== undefined && group > 0) {
      total += group * scale
      group = 0
    } else break
  }
  return { value: total + group, next: Math.max(at, from + 1) }
}

function ordinalOf(words: readonly Word[], at: number): number | undefined {
  const word = words[at]?.text ?? ''
  // `the first steps`, `first of all`.
  if (word === 'first' && /^(?:step|of|thing|place)s?$/.test(words[at + 1]?.text ?? '')) return undefined
  const digits = /^(\d{1,9})(?:st|nd|rd|th)$/.exec(word)?.[1]
  if (digits !== undefined) return Number(digits)
  // `a second` and `30 second` are durations.
  if (word === 'second' && /^(?:a|per|each|\d.*)$/.test(words[at - 1]?.text ?? '')) return undefined
  return ORDINAL.get(word)
}

export const numbers: Guard = ({ numbers: mine, stems: known }, { numbers: theirs, stems: others }) => {
  if (mine.length !== theirs.length) return 'numbers'
  for (const [at, { value, of }] of mine.entries()) {
    const other = theirs[at]
    if (other?.value !== value) return 'numbers'
    // `two adults, three children`: a number is compared with that of the same thing, if both texts have it.
    if (of !== other.of && others.has(of) && known.has(other.of) && once(mine, value)) return 'numbers'
  }
  return undefined
}

const once = (all: readonly Quantity[], value: string) =>
  all.filter((each) => each.value === value).length === 1
