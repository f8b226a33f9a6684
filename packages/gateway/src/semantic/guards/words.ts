import type { Word } from './guard.ts'
import { cleaned, unified } from './spelling.ts'

/**
 * Words and codes, with single marks between letters or digits. No part can match in two ways, so matching is linear.
 */
const TOKEN = /[\p{L}\p{M}\p{N}]+(?:['.,:/@_+&-][\p{L}\p{M}\p{N}]+)*|[$€£¥₹%°#?!.;:,\n]/gu
const DIGIT = /\p{N}/u
const CAPITAL = /^\p{Lu}/u
/** After these a capital is expected. */
const STOPS = new Set(['?', '!', '.', ';', ':', '\n'])
const MARKS = new Map([
  ['$', 'dollar'],
  ['€', 'euro'],
  ['£', 'sterling'],
  ['¥', 'yen'],
  ['₹', 'rupee'],
  ['%', 'percent'],
  ['°', 'degree'],
  ['#', '#'],
])

const CONTRACTIONS: Record<string, string> = {
  "can't": 'can not',
  cant: 'can not',
  cannot: 'can not',
  "won't": 'will not',
  wont: 'will not',
  "shan't": 'shall not',
  "ain't": 'is not',
  dont: 'do not',
  doesnt: 'does not',
  didnt: 'did not',
  isnt: 'is not',
  wasnt: 'was not',
  arent: 'are not',
  havent: 'have not',
  hasnt: 'has not',
  hadnt: 'had not',
  couldnt: 'could not',
  wouldnt: 'would not',
  shouldnt: 'should not',
  im: 'i am',
  ive: 'i have',
  whats: 'what is',
  wheres: 'where is',
  hows: 'how is',
  "let's": 'let us',
}

/** Returns the words of a text, in order, in time linear in its length. */
export function wordsOf(text: string): Word[] {
  const tokens = unified(cleaned(text)).match(TOKEN) ?? []
  const shouted = saysNothingByCapitals(tokens)
  const words: Word[] = []
  let starts = true
  let spoken: string | undefined
  for (const [at, token] of tokens.entries()) {
    if (STOPS.has(token)) {
      starts = true
      continue
    }
    if (token === ',') continue
    const mark = MARKS.get(token)
    if (mark !== undefined) {
      // `$50` is read as it is spoken.
      if (mark !== '#' && DIGIT.test(tokens[at + 1]?.[0] ?? '')) spoken = mark
      else words.push({ text: mark, stem: stemOf(mark), capital: false })
      continue
    }
    const parts = DIGIT.test(token) || token.includes('@') ? [token] : token.split(/[.,:/_+&-]/)
    for (const part of parts) {
      const capital = !starts && !shouted && CAPITAL.test(part) && !/^I(?:'|$)/.test(part)
      for (const each of writtenOut(part.toLowerCase()))
        words.push({ text: each, stem: stemOf(each), capital })
      starts = false
    }
    if (spoken !== undefined) words.push({ text: spoken, stem: stemOf(spoken), capital: false })
    spoken = undefined
  }
  return words
}

/** In Title Case and ALL CAPITALS, capitals do not indicate names; a text of up to three words may consist of names. */
function saysNothingByCapitals(tokens: readonly string[]): boolean {
  const letters = tokens.filter((token) => /^\p{L}/u.test(token))
  if (letters.every((token) => token === token.toUpperCase())) return true
  return letters.length > 3 && letters.filter((token) => CAPITAL.test(token)).length > letters.length * 0.75
}

function writtenOut(word: string): string[] {
  const known = Object.hasOwn(CONTRACTIONS, word) ? CONTRACTIONS[word] : undefined
  if (known !== undefined) return known.split(' ')
  if (word.endsWith("n't")) return [word.slice(0, -3), 'not']
  const at = word.indexOf("'")
  // Contracted verbs or possessives: `order's`, `I'm`, `they've`.
  if (at > 0 && at >= word.length - 3) return [word.slice(0, at)]
  return [word]
}

const VOWEL = /[aeiouy]/

/** Removes English endings, equally for all forms of a regular word. A stem need not be a word. */
export function stemOf(word: string): string {
  if (word.length < 4 || MARKS.has(word) || DIGIT.test(word)) return word
  let stem = IRREGULAR.get(word) ?? word
  if (stem.endsWith('ies') && stem.length > 4) stem = `${stem.slice(0, -3)}y`
  else if (/(?:ss|sh|ch|x|z)es$/.test(stem)) stem = stem.slice(0, -2)
  else if (stem.endsWith('s') && !/[sui]s$/.test(stem)) stem = stem.slice(0, -1)
  if (stem.endsWith('ied') && stem.length > 4) stem = `${stem.slice(0, -3)}y`
  else
    for (const ending of ['ing', 'ed']) {
      const rest = stem.slice(0, -ending.length)
      if (!stem.endsWith(ending) || rest.length < 3 || !VOWEL.test(rest)) continue
      stem = /([bdfgklmnprt])\1$/.test(rest) && !rest.endsWith('ll') ? rest.slice(0, -1) : rest
      break
    }
  if (stem.length > 3 && stem.endsWith('e')) stem = stem.slice(0, -1)
  return stem.length > 3 && stem.endsWith('y') ? `${stem.slice(0, -1)}i` : stem
}

/** Tells whether a word is an irregular form, nearly always of a verb: `took`, `kept`. */
export const isIrregular = (text: string): boolean => IRREGULAR.has(text)

/** Irregular forms and their base words, whose endings are then removed as well. */
const IRREGULAR = new Map(
  `bought:buy sold:sell sent:send paid:pay lost:lose losing:lose gave:give given:give took:take taken:take taking:take
ate:eat eaten:eat stole:steal stolen:steal broke:break broken:break made:make making:make went:go gone:go came:come coming:come said:say
told:tell kept:keep found:find spent:spend chose:choose chosen:choose forgot:forget forgotten:forget forgetting:forget
withdrew:withdraw withdrawn:withdraw wrote:write written:write writing:write children:child people:person men:man
women:woman used:use using:use uses:use added:add adding:add frozen:freeze froze:freeze shown:show worn:wear wore:wear
swapped:swap shipped:ship shipping:ship mice:mouse feet:foot knew:know known:know brought:bring held:hold left:leave
leaving:leave met:meet meant:mean sought:seek thought:think began:begin begun:begin began:begin built:build drove:drive
driven:drive fell:fall fallen:fall flew:fly grew:grow grown:grow rose:rise risen:rise wrong:wrong during:during
need:need needed:need thing:thing canceled:cancel cancelled:cancel cancelling:cancel cancellation:cancel`
    .split(/\s+/)
    .map((pair): [string, string] => [pair.split(':')[0] ?? '', pair.split(':')[1] ?? '']),
)
