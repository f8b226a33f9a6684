/** `count` counts the tokens of a text; `truncate` returns its first `limit` tokens as text. */
export type Tokenizer = {
  count: (text: string) => number
  truncate: (text: string, limit: number) => string
}

/** Takes four UTF-16 code units for a token. */
const approximate: Tokenizer = {
  count: (text) => Math.ceil(text.length / 4),
  truncate: (text, limit) => text.slice(0, limit * 4),
}

/**
 * Matches runs without a word break. Byte-pair merging takes quadratic time in their length: 200,000 times the same letter
 * would block the server for 20 s.
 */
const UNBROKEN_RUN = /\p{L}{600}|[^\s\p{L}\p{N}]{600}|\s{600}/u
/** Length of the segments in which a text with such a run is counted, in UTF-16 code units. */
const SEGMENT_CHARS = 300

/**
 * Loads a tokenizer. `exact` loads OpenAI's o200k vocabulary, once for each process; counts of texts with unbroken runs
 * are approximate.
 */
export async function loadTokenizer(precision: 'exact' | 'approximate'): Promise<Tokenizer> {
  if (precision === 'approximate') return approximate
  const { countTokens, encode, decode } = await import('./o200k.ts')
  const plain = { disallowedSpecial: new Set<string>() }
  const count = (text: string) => countTokens(text, plain)
  return {
    count(text) {
      if (!UNBROKEN_RUN.test(text)) return count(text)
      let sum = 0
      for (let at = 0; at < text.length; at += SEGMENT_CHARS) sum += count(text.slice(at, at + SEGMENT_CHARS))
      return sum
    },
    truncate: (text, limit) => decode(encode(text, plain).slice(0, limit)),
  }
}
