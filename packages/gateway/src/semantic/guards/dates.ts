import type { Guard, Word } from './guard.ts'

const MONTHS = 'january february march april may june july august september october november december'.split(
  ' ',
)
const SHORT_MONTHS = new Map([
  ...MONTHS.map((month): [string, string] => [month.slice(0, 3), month]),
  ['sept', 'september'],
])
const DAYS = 'monday tuesday wednesday thursday friday saturday sunday'.split(' ')
const SHORT_DAYS = new Map([
  ['mon', 'monday'],
  ['tue', 'tuesday'],
  ['tues', 'tuesday'],
  ['wed', 'wednesday'],
  ['thu', 'thursday'],
  ['thurs', 'thursday'],
  ['fri', 'friday'],
])
const NAMED = new Set([
  ...DAYS,
  ...MONTHS.filter((month) => month !== 'may' && month !== 'march'),
  ...'today tonight tomorrow yesterday noon midnight morning afternoon evening overnight weekend weekday weekends weekdays'.split(
    ' ',
  ),
  ...'spring summer autumn winter christmas xmas easter thanksgiving halloween ramadan diwali hanukkah'.split(
    ' ',
  ),
])
const PERIODS = /^(?:minute|hour|day|night|week|weekend|month|quarter|year|season|semester|decade|century)s?$/
const WHICH = /^(?:last|past|previous|prior|next|coming|upcoming|following|this|current|every|each|per)$/
/** `may` and `march` are months only after these. */
const BEFORE_MONTH =
  /^(?:in|of|by|until|till|since|before|after|during|last|next|this|early|late|mid|\d{1,2}(?:st|nd|rd|th)?)$/

/** Returns days, months, times of day and relative time spans, sorted, in one notation. */
export function datesOf(words: readonly Word[]): string {
  const found: string[] = []
  for (const [at, { text, stem }] of words.entries()) {
    const before = words[at - 1]?.text ?? ''
    const date = dateOf(text, before, words[at + 1]?.text ?? '')
    if (date !== undefined) found.push(date)
    else if (PERIODS.test(text) && WHICH.test(before))
      found.push(`${before === 'past' ? 'last' : before} ${stem}`)
    else if (text === 'ago' || text === 'eve') found.push(text)
  }
  return found.sort().join(' ')
}

function dateOf(text: string, before: string, after: string): string | undefined {
  if (NAMED.has(text)) return text.replace(/^xmas$/, 'christmas').replace(/(?<=week(?:day|end))s$/, '')
  if (NAMED.has(text.replace(/s$/, ''))) return text.replace(/s$/, '')
  const nearDate = BEFORE_MONTH.test(before) || /^\d{1,4}(?:st|nd|rd|th)?$/.test(after)
  if ((text === 'may' || text === 'march') && nearDate) return text
  const month = SHORT_MONTHS.get(text)
  if (
    month !== undefined &&
    (nearDate || (text !== 'mar' && text !== 'may' && text !== 'jun' && text !== 'dec'))
  )
    return month
  if (SHORT_DAYS.has(text)) return SHORT_DAYS.get(text)
  if (/^q[1-4]$/.test(text) || /^(?:19|20)\d{2}s$/.test(text)) return text
  if (/^\d{1,4}([-/.])\d{1,2}\1\d{1,4}$/.test(text)) return text.replaceAll(/[/.]/g, '-')
  if (/^\d{1,2}(?::\d{2}){1,2}(?:am|pm)?$|^\d{1,2}(?:am|pm)$/.test(text)) return text.replace(':00', '')
  if ((text === 'am' || text === 'pm') && /^\d/.test(before)) return text
  return undefined
}

export const dates: Guard = (asked, cached) => (asked.dates === cached.dates ? undefined : 'dates')
