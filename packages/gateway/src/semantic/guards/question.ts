import { isCommand } from './actions.ts'
import { datesOf } from './dates.ts'
import { namesOf } from './entities.ts'
import { isMomentary } from './freshness.ts'
import type { Question } from './guard.ts'
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
export function questionOf(text: string): Question {
  const words = wordsOf(text.slice(0, MAX_CHARACTERS))
  const plain = words.map((word) => word.text).join(' ')
  const content = words.filter(({ text }) => !STOP_WORDS.has(text) && !isNumber(text)).map(({ stem }) => stem)
  return {
    plain,
    words,
    content,
    contentSet: new Set(content),
    stems: new Set(words.map((word) => word.stem)),
    numbers: numbersOf(words),
    identifiers: identifiersOf(words),
    dates: datesOf(words),
    units: unitsOf(words),
    negations: negationsOf(words, STOP_WORDS),
    roles: rolesOf(words, STOP_WORDS),
    names: namesOf(words),
    language: languageOf(words),
    command: isCommand(words),
    momentary: isMomentary(words, plain),
    long: text.length > MAX_CHARACTERS,
  }
}
