import { isCommand } from './actions.ts'
import { conditionsOf } from './conditions.ts'
import { datesOf } from './dates.ts'
import { namesOf } from './entities.ts'
import { foreignOf } from './foreign.ts'
import { isMomentary } from './freshness.ts'
import type { Question, Word } from './guard.ts'
import { identifiersOf } from './identifiers.ts'
import { languageOf } from './language.ts'
import { MAX_CHARACTERS } from './length.ts'
import { negationsOf } from './negation.ts'
import { isNumber, numbersOf } from './numbers.ts'
import { orderedOf, rolesOf } from './order.ts'
import { phrasesOf } from './phrases.ts'
import { cleaned } from './spelling.ts'
import { STOP_WORDS } from './stop-words.ts'
import { unitsOf } from './units.ts'
import { wordsOf } from './words.ts'

/** Parses a text for all guards. `wordHashes`: those of the same text, if cached. */
export const questionOf = (text: string, wordHashes?: Uint32Array): Question =>
  new ParsedQuestion(text, wordHashes)

/**
 * Features are computed lazily: most of the neighbours of a question are compared by word hashes alone, without
 * guards.
 */
class ParsedQuestion implements Question {
  readonly #text: string
  readonly #read: { -readonly [Part in keyof Question]?: Question[Part] }

  constructor(text: string, wordHashes: Uint32Array | undefined) {
    this.#text = text
    this.#read = wordHashes === undefined ? {} : { wordHashes }
  }

  get words() {
    this.#read.words ??= wordsOf(this.#text.slice(0, MAX_CHARACTERS))
    return this.#read.words
  }

  get content() {
    this.#read.content ??= this.words.filter(isContent).map(({ stem }) => stem)
    return this.#read.content
  }

  get contentSet() {
    this.#read.contentSet ??= new Set(this.content)
    return this.#read.contentSet
  }

  get wordHashes() {
    this.#read.wordHashes ??= Uint32Array.from(this.contentSet, wordHash).sort()
    return this.#read.wordHashes
  }

  get long() {
    return this.#text.length > MAX_CHARACTERS
  }

  get plain() {
    this.#read.plain ??= this.words.map((word) => word.text).join(' ')
    return this.#read.plain
  }

  get stems() {
    this.#read.stems ??= new Set(this.words.map((word) => word.stem))
    return this.#read.stems
  }

  get numbers() {
    this.#read.numbers ??= numbersOf(this.words)
    return this.#read.numbers
  }

  get identifiers() {
    this.#read.identifiers ??= identifiersOf(this.words)
    return this.#read.identifiers
  }

  get dates() {
    this.#read.dates ??= datesOf(this.words)
    return this.#read.dates
  }

  get units() {
    this.#read.units ??= unitsOf(this.words)
    return this.#read.units
  }

  get negations() {
    this.#read.negations ??= negationsOf(this.words, STOP_WORDS)
    return this.#read.negations
  }

  get conditions() {
    this.#read.conditions ??= conditionsOf(this.plain)
    return this.#read.conditions
  }

  get roles() {
    this.#read.roles ??= rolesOf(this.words, STOP_WORDS)
    return this.#read.roles
  }

  get names() {
    this.#read.names ??= namesOf(this.words)
    return this.#read.names
  }

  get phrases() {
    this.#read.phrases ??= phrasesOf(this.words, isContent)
    return this.#read.phrases
  }

  get ordered() {
    this.#read.ordered ??= orderedOf(this.words, isContent)
    return this.#read.ordered
  }

  get foreign() {
    this.#read.foreign ??= foreignOf(cleaned(this.#text.slice(0, MAX_CHARACTERS)))
    return this.#read.foreign
  }

  get language() {
    this.#read.language ??= languageOf(this.words)
    return this.#read.language
  }

  get command() {
    this.#read.command ??= isCommand(this.words)
    return this.#read.command
  }

  get momentary() {
    this.#read.momentary ??= isMomentary(this.words, this.plain)
    return this.#read.momentary
  }
}

const isContent = ({ text }: Word): boolean => !STOP_WORDS.has(text) && !isNumber(text)

/** FNV-1a: within the words of two questions, a collision is negligible. */
function wordHash(word: string): number {
  let mark = 0x811c9dc5
  for (let at = 0; at < word.length; at += 1) mark = Math.imul(mark ^ word.charCodeAt(at), 0x01000193)
  return mark >>> 0
}
