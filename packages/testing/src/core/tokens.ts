/** Counts a text's tokens, and cuts it after so many. */
export type Tokenizer = { count: (text: string) => number; cut: (text: string, limit: number) => string }

/** Four characters are a token. */
const approximate: Tokenizer = {
  count: (text) => Math.ceil(text.length / 4),
  cut: (text, limit) => text.slice(0, limit * 4),
}

/** Merging takes quadratic time in a run without a break: 200,000 times the same letter would stop the server for 20 s. */
const LONG_RUN = /\p{L}{600}|[^\s\p{L}\p{N}]{600}|\s{600}/u
const PIECE = 300

/** `exact` loads OpenAI's o200k vocabulary, once; texts with endless words are counted piece by piece. */
export async function tokenizerOf(precision: 'exact' | 'approximate'): Promise<Tokenizer> {
  if (precision === 'approximate') return approximate
  const { countTokens, encode, decode } = await import('gpt-tokenizer/encoding/o200k_base')
  const plain = { disallowedSpecial: new Set<string>() }
  const count = (text: string) => countTokens(text, plain)
  return {
    count(text) {
      if (!LONG_RUN.test(text)) return count(text)
      let sum = 0
      for (let at = 0; at < text.length; at += PIECE) sum += count(text.slice(at, at + PIECE))
      return sum
    },
    cut: (text, limit) => decode(encode(text, plain).slice(0, limit)),
  }
}
