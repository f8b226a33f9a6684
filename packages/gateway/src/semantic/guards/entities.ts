import type { Guard, Word } from './guard.ts'
import { STOP_WORDS } from './stop-words.ts'
import { isUnit } from './units.ts'
import { isVerbStem } from './verbs.ts'

/**
 * Countries, currencies, languages and large cities, from the ICU data of Node; found in lower case too. Read on first
 * use.
 */
let places: ReadonlyMap<string, string> | undefined

/** Also everyday English words: places only with a capital. */
const COMMON_TOO = new Set(
  'turkey china chad jordan mali nice reading polish center central eastern western pacific mountain atlantic north south east west simple may navy male general gold silver easter samoa troll casey davis real'.split(
    ' ',
  ),
)

function readPlaces(): ReadonlyMap<string, string> {
  const known = new Map<string, string>()
  const put = (name: string, is: string) => {
    for (const word of name.toLowerCase().split(/[\s_/(),&-]+/))
      if (word.length > 3 && !COMMON_TOO.has(word) && !GENERIC.test(word) && !STOP_WORDS.has(word))
        known.set(word, is)
  }
  const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ']
  const regions = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' })
  for (const a of letters)
    for (const b of letters) {
      const name = regions.of(a + b)
      if (name !== undefined) put(name, a + b)
    }
  const languages = new Intl.DisplayNames('en', { type: 'language', fallback: 'none' })
  for (const a of letters)
    for (const b of letters) {
      const name = languages.of((a + b).toLowerCase())
      if (name !== undefined && !name.includes(' ')) put(name, name)
    }
  for (const zone of Intl.supportedValuesOf('timeZone')) {
    // The parts of a name like `Tell_City` are not names by themselves.
    const city = zone.split('/').at(-1) ?? ''
    if (!city.includes('_')) put(city, city)
  }
  for (const [alias, is] of ALIASES) known.set(alias, is)
  return known
}

/** Words within names that name nothing by themselves. */
const GENERIC =
  /^(?:island|islands|saint|republic|state|states|united|kingdom|territory|territories|unknown|region|democratic|south|north|east|west|northern|southern|outlying|special|minor|city|river|people|bank|british|federal|world|private|pseudo|remote|port|santa|cape|costa|grand|lord|mayo|urban|noon|accents|bidi|sandwich|church|nelson|rest|area|areas|antarctic|indian|ocean|dutch|france|mean|time|universal|standard)$/
const ALIASES: readonly (readonly [string, string])[] = [
  ['france', 'FR'],
  ['usa', 'US'],
  ['america', 'US'],
  ['uk', 'GB'],
  ['eu', 'EU'],
  ['britain', 'GB'],
  ['england', 'England'],
  ['scotland', 'Scotland'],
  ['wales', 'Wales'],
  ['europe', 'Europe'],
  ['asia', 'Asia'],
  ['africa', 'Africa'],
  ['canada', 'CA'],
  ['dutch', 'Dutch'],
  ['washington', 'Washington'],
  ['boston', 'Boston'],
  ['seattle', 'Seattle'],
  ['munich', 'Munich'],
  ['hamburg', 'Hamburg'],
  ['milan', 'Milan'],
  ['barcelona', 'Barcelona'],
  ['manchester', 'Manchester'],
  ['miami', 'Miami'],
  ['dallas', 'Dallas'],
  ['houston', 'Houston'],
  ['atlanta', 'Atlanta'],
]

/** Returns names, recognised by capitals, and places in any case. */
export function namesOf(words: readonly Word[]): string[] {
  places ??= readPlaces()
  const found: string[] = []
  for (const [at, { text, stem, capital }] of words.entries())
    if (places.has(text)) found.push(places.get(text) ?? text)
    else if (capital && !/\d/.test(text) && isName(words, at)) found.push(stem)
    else if (LETTER_NAME.test(text)) found.push(text)
  return found
}

/** A capital says nothing of a function word, a unit or a common verb: `Thanks`, `How to Verify it`. */
const isName = (words: readonly Word[], at: number) =>
  !STOP_WORDS.has(words[at]?.text ?? '') && !isVerbStem(words[at]?.stem ?? '') && !isUnitOf(words, at)

/** A letter that is a name, as `spelling.ts` marks it. */
const LETTER_NAME = /^\p{L}º$/u
/** `12 V`. */
const isUnitOf = (words: readonly Word[], at: number) =>
  isUnit(words[at]?.text ?? '') && /^\d/.test(words[at - 1]?.text ?? '')

export const entities: Guard = (asked, cached) =>
  lacks(asked.names, cached) || lacks(cached.names, asked) ? 'entities' : undefined

/** Tells whether one text has a name that the other lacks, even as a common word. */
const lacks = (
  names: readonly string[],
  { names: others, stems }: { names: readonly string[]; stems: ReadonlySet<string> },
) => names.some((name) => !others.includes(name) && !stems.has(name))
