import type { Guard, Word } from './guard.ts'

const NEGATORS = new Set(
  'not no non never none nobody nothing nowhere neither nor without hardly barely scarcely unable except excluding cease lack lacking minus'.split(
    ' ',
  ),
)
/** Polite or alternative forms, which negate nothing: `why don't you`, `can't I`, `or not`, `no problem`. */
const POLITE_BEFORE = /^(?:or|whether|if|why)$/
const CLAUSE = /^(?:i|my|you|your|we|our|he|his|she|her|they|their|it|its|the|this|that|these|those)$/
const POLITE_AFTER = /^(?:problem|worries|matter|only|idea|doubt|longer)$/

/**
 * Returns the content word behind each negator, in order. Both texts must have equally many, and the same ones where
 * both contain the words.
 */
export function negationsOf(words: readonly Word[], stopWords: ReadonlySet<string>): string[] {
  const found: string[] = []
  for (const [at, { text }] of words.entries()) {
    if (!NEGATORS.has(text)) continue
    const after = words[at + 1]?.text ?? ''
    if (text === 'not' && words[at - 1]?.text === 'or' && at >= words.length - 1) continue
    if (
      text === 'not' &&
      POLITE_BEFORE.test(words[at - 2]?.text ?? '') &&
      /^(?:do)$/.test(words[at - 1]?.text ?? '')
    ) {
      // `why do not you` is an offer; `why do not I see` is a complaint.
      if (words[at - 2]?.text === 'why' && (after === 'you' || after === 'we')) continue
    }
    if (POLITE_AFTER.test(after) && (after !== 'longer' || text !== 'no')) continue
    found.push(subject(words, at, stopWords))
  }
  return found
}

/** Returns the word right after a negator; none before a clause: `hasn't my order`, `don't I`. */
function subject(words: readonly Word[], at: number, stopWords: ReadonlySet<string>): string {
  for (const { text, stem } of words.slice(at + 1, at + 4)) {
    if (!stopWords.has(text)) return stem
    if (CLAUSE.test(text)) return ''
  }
  return ''
}

export const negation: Guard = (asked, cached) => {
  if (asked.negations.length !== cached.negations.length) return 'negation'
  for (const [at, stem] of asked.negations.entries()) {
    const other = cached.negations[at] ?? ''
    if (stem === '' || other === '' || stem === other) continue
    if (asked.stems.has(other) && cached.stems.has(stem)) return 'negation'
  }
  return undefined
}
