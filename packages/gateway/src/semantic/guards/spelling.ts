/** Invisible characters: zero-width, bidirectional controls, soft hyphens, variation selectors. */
const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu
/** Without one of these no spelling has a second form. */
const TO_UNIFY =
  /\d|\b(?:u\.?s|u\.?k|e\.?u|united|european|great britain|america|once|times|per|each|every|a|d|t)\b/i

/** Returns a text as people read it: in NFKC, without invisible characters. */
export const legible = (text: string): string => text.normalize('NFKC').replace(INVISIBLE, '')

/** A text as it is compared: legible, with one kind of apostrophe and hyphen. */
export const cleaned = (text: string): string =>
  legible(text)
    .replace(/[’‘‛ʼ`´]/g, "'")
    .replace(/[‐‑‒–—−]/g, '-')

const ADVERBS: Record<string, string> = {
  year: 'annual',
  annum: 'annual',
  quarter: 'quarterly',
  month: 'monthly',
  week: 'weekly',
  day: 'daily',
  hour: 'hourly',
}
/** Labels whose number may be written together with them: `DOT3`, `DOT 3`. */
const LABEL = 'dot|mk|gen|euro|stage|tier|grade|class|type|level'
/** Labels of which a single letter is the name. */
const LETTERED =
  'grade|class|type|plan|group|option|category|section|part|vitamin|hepatitis|influenza|team|player|point|schedule|version|model|zone|terminal|gate|form|product|oil|brand|company|town|city|person'

type Spelling = readonly [
  pattern: RegExp,
  replacement: string | ((match: string, ...parts: string[]) => string),
]

/** Spellings of one thing, unified. No pattern can match in two ways, so each takes linear time. */
const SPELLINGS: readonly Spelling[] = [
  [/\bunited states(?: of america)?\b|\bU\.S\.(?:A\.)?|\bUSA?\b|\b(?<=the )us\b|\bamerica\b/g, 'USA'],
  [/\bUnited States(?: of America)?\b|\bAmerica\b/g, 'USA'],
  [/\bunited kingdom\b|\bgreat britain\b|\bU\.K\.|\bUK\b/gi, 'UK'],
  [/\beuropean union\b|\bE\.U\.|\bEU\b/gi, 'EU'],
  // `once it arrives` is `after it arrives`; `once a week` counts.
  [
    /\bonce (?=(?:i|you|we|he|she|it|they|my|your|our|the|this|that|these|those|an|\w+ed)\b|a (?!day|week|month|year|hour|minute|season)\w)/gi,
    'after ',
  ],
  [/\b(?:per|each|every) (year|annum|quarter|month|week|day|hour)\b/gi, (_, of = '') => adverb(of)],
  [
    /\b(once|twice|times|dollars?|euros?|pounds?|\d+) an? (year|quarter|month|week|day|hour)\b/gi,
    (_, times = '', of = '') => `${times} ${adverb(of)}`,
  ],
  // Model years: `'18`, `MY18`, `model year 2018`, `2015-2018`.
  [/(?<![\p{L}\p{N}])'(\d\d)(?!['\p{L}\p{N}])/gu, (_, year = '') => fullYear(year)],
  [/\bmy(\d\d)\b/gi, (_, year = '') => fullYear(year)],
  [/\b(?:MY ?|[Mm]odel [Yy]ears? )(?=(?:19|20)\d\d\b)/g, ''],
  [/\b((?:19|20)\d\d) ?(?:-|\/|thru|through) ?((?:19|20)\d\d)\b/gi, '$1 to $2'],
  [
    /\b((?:19|20)\d\d)-(\d\d)\b(?!-)/g,
    (match, from = '', to = '') =>
      Number(to) > Number(from.slice(2)) ? `${from} to ${from.slice(0, 2)}${to}` : match,
  ],
  // Oil grades and models: `5W-30`, `F-150`.
  [/\b(\d{1,2}w)[ -](\d\d)\b/gi, '$1$2'],
  [/(?<!['\p{L}\p{N}])([b-hj-z])[ -](?!(?:19|20)\d\d\b)(\d{1,4})\b/giu, '$1$2'],
  [new RegExp(`\\b(${LABEL})-?(\\d{1,3}(?:\\.\\d)?)\\b`, 'gi'), '$1 $2'],
  [/\b(?:2|two) times\b(?! \d)/gi, 'twice'],
  [/\bhalf (?:of )?(?:a )?dozen\b/gi, '6'],
]

const adverb = (period: string) => ADVERBS[period.toLowerCase()] ?? period
const fullYear = (year: string) => `${Number(year) <= 35 ? '20' : '19'}${year}`

/** A letter that is a name, though as a word it is an article or the rest of a contraction: `grade A`, `from a to b`. */
const LETTER = new RegExp(
  `(?<=\\b(?:${LETTERED}) )[adt]\\b(?!['-]| \\p{L}{3})|\\ba(?= (?:to|and|or|vs|versus|into|from|is|than|by)\\b)|(?<=\\b(?:from|and|or|than|by|to|vs|replace|replaces) )a(?=[?.!]*$)`,
  'giu',
)
/** By its capital, where capitals tell names. */
const CAPITAL_LETTER = /(?<=\p{L} )[ADT]\b(?!')/gu
/** Marks a letter that is a name, so that no list of words contains it. */
const asName = (match: string) => `${match.toLowerCase()}º`

/** Tells whether most words begin with a small letter, so that a capital means something. */
function namesByCapitals(text: string): boolean {
  const small = text.match(/(?<!\p{L})\p{Ll}/gu)?.length ?? 0
  const capital = text.match(/(?<=[\p{L},] )\p{Lu}\p{L}/gu)?.length ?? 0
  return small > capital
}

/** Unifies spellings of one thing, so that equal things are equal words. */
export function unified(text: string): string {
  if (!TO_UNIFY.test(text)) return text
  // In capitals, `US` may be a pronoun and `A` an article.
  let made = text === text.toUpperCase() ? text.toLowerCase() : text
  for (const [pattern, replacement] of SPELLINGS)
    made =
      typeof replacement === 'string'
        ? made.replace(pattern, replacement)
        : made.replace(pattern, replacement)
  made = made.replace(LETTER, asName)
  return namesByCapitals(made) ? made.replace(CAPITAL_LETTER, asName) : made
}
