import type { JsonObject, Operation } from '../call.ts'
import { parts } from './parts.ts'

type Tokeniser = typeof import('gpt-tokenizer/encoding/o200k_base')
let loading: Promise<Tokeniser> | undefined

/** Some 150 ms and 40 MB: not before somebody needs it. */
const tokeniser = () => (loading ??= import('gpt-tokenizer/encoding/o200k_base'))

/** "<|endoftext|>" in a question is text like any other. */
const PLAIN = { disallowedSpecial: new Set<string>() }

/**
 * Whether a call's input is longer than `limit` tokens: exact where it is close, nearly free where it is not.
 * Fewer bytes than the limit cannot be more tokens; more words than the limit cannot be fewer. Only in between is the
 * text tokenised, and no further than needed. `body` is `source` parsed.
 */
export function exceeds(
  operation: Operation,
  body: JsonObject,
  source: string,
  limit: number,
): boolean | Promise<boolean> {
  const pieces = parts(operation, body)
  const fixed = pieces.reduce<number>((sum, piece) => (typeof piece === 'number' ? sum + piece : sum), 0)
  const texts = pieces.filter((piece) => typeof piece === 'string')
  if (fixed > limit) return true
  if (fixed + bytesUpTo(texts, limit - fixed) <= limit) return false
  if (fixed + wordsUpTo(texts, limit - fixed) > limit) return true
  return tokensUpTo(texts, limit - fixed).then((tokens) => fixed + tokens > limit)
}

/** All input tokens, exactly. */
export async function countInput(operation: Operation, body: JsonObject): Promise<number> {
  let total = 0
  for (const piece of parts(operation, body))
    total += typeof piece === 'number' ? piece : await countText(piece)
  return total
}

/** As near as four bytes to a token come; never loads the tokeniser. */
export function estimateInput(operation: Operation, body: JsonObject, _source: string): number {
  return Math.ceil(
    parts(operation, body).reduce<number>(
      (sum, piece) => sum + (typeof piece === 'number' ? piece : piece.length / 4),
      0,
    ),
  )
}

/** More than any input can have: no token is shorter than a byte. */
export function boundInput(operation: Operation, body: JsonObject, source: string): number {
  const fixed = parts(operation, body).reduce<number>(
    (sum, piece) => (typeof piece === 'number' ? sum + piece : sum),
    0,
  )
  return Buffer.byteLength(source) + fixed
}

export async function countText(text: string): Promise<number> {
  return await tokensUpTo([text], Number.POSITIVE_INFINITY)
}

/** Counts until it has more than `limit`; what it then returns is only that: more. */
async function tokensUpTo(texts: readonly string[], limit: number): Promise<number> {
  const { countTokens, isWithinTokenLimit } = await tokeniser()
  let total = 0
  for (const slice of texts.flatMap(slices)) {
    const rest = limit - total
    const tokens =
      rest === Number.POSITIVE_INFINITY ? countTokens(slice, PLAIN) : isWithinTokenLimit(slice, rest, PLAIN)
    if (tokens === false) return limit + 1
    total += tokens
  }
  return total
}

/**
 * The merging inside one word takes the square of its length: 100,000 letters in a row, 6 seconds. Nobody writes words
 * of 500 letters, so such runs are counted in slices, which errs by a token a slice at most, towards more.
 */
function slices(text: string): string[] {
  if (text.length < 512) return [text]
  return text
    .split(LONG_RUN)
    .flatMap((run) => (run.length < 512 || !LONG_RUN.test(run) ? [run] : (run.match(/[\s\S]{1,256}/g) ?? [])))
}

const LONG_RUN = /([\p{L}\p{M}]{512,}|[^\p{L}\p{M}\p{N}\s]{512,}|\s{512,})/u

function bytesUpTo(texts: readonly string[], limit: number): number {
  const length = texts.reduce((sum, text) => sum + text.length, 0)
  return length > limit ? length : texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
}

/**
 * A bound from below: every run of letters begins a token of its own, since o200k never lets a token reach from one
 * word into the next. Contractions are part of the word before, and whatever is not ASCII may be anything.
 */
function wordsUpTo(texts: readonly string[], limit: number): number {
  let words = 0
  for (const text of texts) {
    let inWord = false
    for (let at = 0; at < text.length && words <= limit; at += 1) {
      const code = text.charCodeAt(at)
      const letter = code >= 128 || (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 39
      if (letter && !inWord && code < 128 && code !== 39) words += 1
      inWord = letter
    }
  }
  return words
}
