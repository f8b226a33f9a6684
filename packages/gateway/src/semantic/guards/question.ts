import { isCommand } from './actions.ts'
import { datesOf } from './dates.ts'
import { namesOf } from './entities.ts'
import { isMomentary } from './freshness.ts'
import type { Question, Word } from './guard.ts'
import { identifiersOf } from './identifiers.ts'
import { languageOf } from './language.ts'
import { MAX_CHARACTERS } from './length.ts'
import { negationsOf } from './negation.ts'
import { isNumber, numbersOf } from './numbers.ts'
import { rolesOf } from './order.ts'
import { STOP_WORDS } from './stop-words.ts'
import { unitsOf } from './units.ts'
import { wordsOf } from './words.ts'

/** Reads a text once for all guards. */
export const questionOf = (text: string): Question => new Reading(text)

/**
 * The words are read at once, all else when the first guard asks for it: of forty questions around another most are
 * compared by their words alone.
 */
class Reading implements Question {
  readonly words: readonly Word[]
  readonly content: readonly string[]
  readonly contentSet: ReadonlySet<string>
  readonly long: boolean
  readonly #read: { -readonly [Part in keyof Question]?: Question[Part] } = {}

  constructor(text: string) {
    this.words = wordsOf(text.slice(0, MAX_CHARACTERS))
    this.content = this.words
      .filter(({ text }) => !STOP_WORDS.has(text) && !isNumber(text))
      .map(({ stem }) => stem)
    this.contentSet = new Set(this.content)
    this.long = text.length > MAX_CHARACTERS
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

  get roles() {
    this.#read.roles ??= rolesOf(this.words, STOP_WORDS)
    return this.#read.roles
  }

  get names() {
    this.#read.names ??= namesOf(this.words)
    return this.#read.names
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
