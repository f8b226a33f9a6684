/** A word of a text. */
export type Word = {
  /** In lower case, contractions expanded: the form that is compared. */
  text: string
  /** Without its ending: `orders`, `ordered` and `ordering` share a stem. */
  stem: string
  /** Whether it has a capital where lower case is expected. */
  capital: boolean
}

/** A parsed text: parsed once, so that comparisons are fast. */
export type Question = {
  /** Words joined by spaces: equal for texts that differ only in capitals and punctuation. */
  plain: string
  words: readonly Word[]
  /** Stems of content words, in order. */
  content: readonly string[]
  /** The same as a set; and as a set including stop words. */
  contentSet: ReadonlySet<string>
  stems: ReadonlySet<string>
  /** Hashes of `contentSet`, sorted, for fast comparison with many questions. */
  wordHashes: Uint32Array
  /** Features of each guard, normalised so that equal values mean the same. */
  numbers: readonly { value: string; of: string }[]
  identifiers: string
  dates: string
  units: ReadonlyMap<string, string>
  negations: readonly string[]
  conditions: Conditions
  roles: ReadonlyMap<string, string>
  names: readonly string[]
  phrases: Phrases
  /** Content in the order of the active voice, with `A and B` sorted. */
  ordered: Ordered
  /** Links, domains and instructions. */
  foreign: string
  language: string
  /** Whether it commands an action. */
  command: boolean
  /** Whether the correct answer changes soon. */
  momentary: boolean
  /** Longer than what is parsed: the rest is unknown. */
  long: boolean
}

/**
 * Returns why the answer to `cached` must not serve `asked`, or `undefined`. A pure and fast function: features are
 * computed when a question is parsed.
 */
export type Guard = (asked: Question, cached: Question) => string | undefined

/** Conditions of a text, normalised so that equal values mean the same. */
export type Conditions = { deciding: string; exchanged: readonly number[] }

/** Noun phrases and verbs, by stem. */
export type Phrases = {
  verbs: ReadonlySet<string>
  /** Words that directly follow each other in a noun phrase. */
  pairs: readonly (readonly [string, string])[]
  /** Each word before the head of its noun phrase, with the words behind it. */
  modifiers: readonly { stem: string; behind: readonly string[] }[]
  /** Relative clauses: the noun, and the words of the clause. */
  relatives: readonly { of: string; words: readonly string[] }[]
}

/** The order of content words. */
export type Ordered = { stems: readonly string[] }
