/** A word as it stands in a text. */
export type Word = {
  /** Lower-cased, contractions written out: what is compared. */
  text: string
  /** Without its endings, so that `orders`, `ordered` and `ordering` are one. */
  stem: string
  /** Whether it was written with a capital where lower case was to be expected. */
  capital: boolean
}

/** A text made ready once, so that comparing it with another costs next to nothing. */
export type Question = {
  /** The words in a row: texts that differ in capitals and punctuation alone are the same here. */
  plain: string
  words: readonly Word[]
  /** Stems of the words that carry meaning, in order. */
  content: readonly string[]
  /** The same, without order; and with the words that carry none. */
  contentSet: ReadonlySet<string>
  stems: ReadonlySet<string>
  /** `contentSet` in numbers, in order: for one question beside many. */
  marks: Uint32Array
  /** What each guard looks at, in a form in which equal means the same. */
  numbers: readonly { value: string; of: string }[]
  identifiers: string
  dates: string
  units: ReadonlyMap<string, string>
  negations: readonly string[]
  conditions: Conditions
  roles: ReadonlyMap<string, string>
  names: readonly string[]
  language: string
  /** Whether it asks for something to be done rather than told. */
  command: boolean
  /** Whether a right answer is right only for a while. */
  momentary: boolean
  /** Past what is read: nobody can say what is in the rest. */
  long: boolean
}

/**
 * Why the answer to `cached` must not be given to who asked `asked`; `undefined` where nothing speaks against it. Pure,
 * and quick: everything costly was done when the questions were made ready.
 */
export type Guard = (asked: Question, cached: Question) => string | undefined

/** What a text says of conditions, in a form in which equal means the same. */
export type Conditions = { deciding: string; exchanged: readonly number[] }
