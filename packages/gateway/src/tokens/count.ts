import { setImmediate as breathe } from 'node:timers/promises'
import { isObject, type Json, type JsonObject, list, object, text } from '../core/json.ts'
import type { Log } from '../core/log-codes.ts'
import type { Operation } from '../core/operation.ts'
import { OPERATIONS } from '../operations/operations.ts'
import { errorText } from '../util/error-text.ts'
import { contextWindow } from './context-window.ts'
import { hiddenSize } from './images.ts'
import { addText, type Input, inputOf } from './input.ts'

type Tokeniser = typeof import('./o200k.ts')
let loading: Promise<Tokeniser> | undefined

/** Takes some 150 ms and 40 MB, so it is loaded on first use. */
const tokeniser = () => (loading ??= import('./o200k.ts'))

/** "<|endoftext|>" in a question is plain text. */
const PLAIN = { disallowedSpecial: new Set<string>() }
/** Images, audio, files and declarations may have more tokens than bytes. */
const MAY_BE_LARGER = /image|audio|file|"tools"|"functions"/
/** Tokens that every reply adds. */
const REPLY = 3
/** The longest token of o200k, in bytes: 128 spaces. */
const LONGEST_TOKEN_BYTES = 128
/** Characters of the longest run that is tokenised whole; longer runs are cut into slices of half this size. */
const MAX_RUN_CHARS = 512
/** Milliseconds after which counting yields to the event loop. */
const YIELD_AFTER_MS = 8

/**
 * Whether a call's input is longer than `limit` tokens: exact near the limit, nearly free elsewhere. Fewer bytes than
 * the limit cannot be more tokens; more words than the limit cannot be fewer. Only in between is the text tokenised,
 * and no further than needed: only then is the result a promise. Images count as gpt-4o-mini bills them, at least
 * 2,833 tokens: at a limit of 2,000 a single one exceeds it. Embeddings never do.
 */
export function exceeds(
  operation: Operation,
  body: JsonObject,
  source: string,
  limit: number,
  warn: Log = () => undefined,
): boolean | Promise<boolean> {
  if (OPERATIONS[operation].output === 'vectors') return false
  // Each message costs fewer tokens than its JSON has bytes; only content stored elsewhere can cost more.
  if (source.length < limit && Buffer.byteLength(source) + REPLY <= limit && !MAY_BE_LARGER.test(source))
    return false
  const { fixed, texts } = measure(operation, body)
  const room = limit - fixed
  if (room < 0) return true
  if (bytesUpTo(texts, room) <= room) return false
  if (leastTokens(texts, room) > room) return true
  return tokensUpTo(texts, room).then(
    (tokens) => tokens > room,
    (error: unknown) => {
      warn(
        'GW_TOKENIZER_FAILED',
        `the tokeniser failed, so input lengths are estimated at four bytes per token: ${errorText(error)}`,
      )
      return bytesUpTo(texts, Number.POSITIVE_INFINITY) / 4 > room
    },
  )
}

/** Counts all input tokens: exactly for text, by OpenAI's published figures for the rest. Loads the tokeniser. */
export async function countInput(operation: Operation, body: JsonObject): Promise<number> {
  const { fixed, texts } = measure(operation, body)
  return Math.max(0, fixed + (await tokensUpTo(texts, Number.POSITIVE_INFINITY)))
}

/**
 * Sizes the input for quotas; never loads the tokeniser. `estimate` assumes four bytes per token. `bound` is an upper
 * bound: a token has at least one byte, images count at their largest, and content that upstream adds (earlier turns,
 * templates, files, its own tools) fills at most `window`, the context window of the answering model.
 */
export function inputSize(
  operation: Operation,
  body: JsonObject,
  source: string,
  window = contextWindow(text(body.model)),
): InputSize {
  const { fixed, texts } = measure(operation, body)
  const written = bytesUpTo(texts, Number.POSITIVE_INFINITY)
  const { bytes, tokens } = hiddenSize(operation, body, window)
  return {
    estimate: Math.max(0, fixed + Math.ceil(written / 4)),
    bound: Math.max(0, fixed) + Math.max(Buffer.byteLength(source) - bytes, written) + tokens,
  }
}

export type InputSize = { estimate: number; bound: number }

/** Counts the tokens of separate texts. Loads the tokeniser. */
export async function countTexts(texts: readonly string[]): Promise<number> {
  return await tokensUpTo(texts, Number.POSITIVE_INFINITY)
}

function measure(operation: Operation, body: JsonObject): Input {
  const input = inputOf(operation, body)
  const { input: asked, requested } = OPERATIONS[operation]
  for (const name of asked.tools) addTools(input, list(body[name]))
  const format = object(requested.answerFormat(body))
  const schema = format.json_schema ?? format.schema
  if (isObject(schema)) addText(input, serialised(schema))
  return input
}

/**
 * Adds tools by OpenAI's formula for gpt-4o and gpt-4o-mini, which covers functions whose properties are plain
 * values. Others count as their JSON, which is longer than what the model is shown. Source: OpenAI cookbook, "How to
 * count tokens with tiktoken", `num_tokens_for_tools`.
 */
function addTools(input: Input, tools: Json[]): void {
  if (tools.length === 0) return
  input.fixed += 12
  for (const tool of tools) addTool(input, tool)
}

function addTool(input: Input, tool: Json): void {
  // Chat nests the function; Responses and the older `functions` do not.
  const declared = object(object(tool).function ?? tool)
  input.fixed += 7
  if (!isPlain(declared)) {
    addText(input, serialised(declared))
    return
  }
  addText(input, `${text(declared.name)}:${sentence(declared.description)}`)
  const properties = Object.entries(object(object(declared.parameters).properties))
  if (properties.length > 0) input.fixed += 3
  for (const [name, schema] of properties) addProperty(input, name, object(schema))
}

function addProperty(input: Input, name: string, { type, description, enum: choices }: JsonObject): void {
  input.fixed += choices === undefined ? 3 : 0
  addText(input, `${name}:${text(type)}:${sentence(description)}`)
  for (const choice of list(choices)) {
    input.fixed += 3
    addText(input, choice)
  }
}

const sentence = (description: Json | undefined) => text(description).replace(/\.$/, '')

const FUNCTION = new Set(['type', 'name', 'description', 'parameters', 'strict'])
const OBJECT = new Set(['type', 'properties', 'required', 'additionalProperties'])
const PROPERTY = new Set(['type', 'description', 'enum'])
const VALUES = new Set<Json | undefined>(['string', 'number', 'integer', 'boolean'])

function isPlain(declared: JsonObject): boolean {
  const parameters = declared.parameters ?? {}
  if (typeof declared.name !== 'string' || !hasOnly(FUNCTION, declared) || !hasOnly(OBJECT, parameters))
    return false
  return Object.values(object(object(parameters).properties)).every(
    (property) =>
      hasOnly(PROPERTY, property) &&
      VALUES.has(object(property).type) &&
      list(object(property).enum).every((choice) => typeof choice === 'string'),
  )
}

const hasOnly = (names: Set<string>, value: Json) =>
  isObject(value) && Object.keys(value).every((name) => names.has(name))

/** Serialises JSON. If it is nested too deeply, returns its names and values only. */
function serialised(value: Json): string {
  try {
    return JSON.stringify(value)
  } catch {
    const leaves: string[] = []
    const open = [value]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (typeof next !== 'object' || next === null) leaves.push(`${next}`)
      else for (const [name, inner] of Object.entries(next)) leaves.push(name) && open.push(inner)
    }
    return leaves.join(' ')
  }
}

/** Counts up to `limit`; beyond it, returns any number above the limit. */
async function tokensUpTo(texts: readonly string[], limit: number): Promise<number> {
  const { encodeGenerator, clearMergeCache } = await tokeniser()
  let total = 0
  let since = performance.now()
  for (const text of texts) {
    for (const slice of slices(text)) {
      for (const tokens of encodeGenerator(slice, PLAIN)) {
        total += tokens.length
        if (total > limit) break
        if (performance.now() - since < YIELD_AFTER_MS) continue
        await breathe()
        since = performance.now()
      }
      if (total > limit) break
    }
  }
  // The cache would keep the last 100,000 rare words, each with the whole text it was cut from.
  clearMergeCache()
  return total
}

/**
 * Splits long runs. Merging inside one word takes time quadratic in its length: 6 seconds for 100,000 letters. Words
 * of 512 letters do not occur in practice; counting them in slices errs by one token a slice at most, upwards.
 */
function* slices(text: string): Generator<string> {
  let rest = text
  for (let at = longRun(rest); at !== -1; at = longRun(rest)) {
    const cut = at + MAX_RUN_CHARS / 2
    const whole = isHighSurrogate(rest.charCodeAt(cut - 1)) ? cut + 1 : cut
    yield rest.slice(0, whole)
    rest = rest.slice(whole)
  }
  yield rest
}

const longRun = (text: string) => (text.length < MAX_RUN_CHARS ? -1 : text.search(LONG_RUN))
const isHighSurrogate = (code: number) => code >= 0xd800 && code < 0xdc00

// Matches only at the start of a run; otherwise a text of words just below the limit would be read 512 times over.
const LONG_RUN = new RegExp(
  ['[\\p{L}\\p{M}]', '[^\\s\\p{L}\\p{N}]', '\\s']
    .map((kind) => `(?<!${kind})${kind}{${MAX_RUN_CHARS}}`)
    .join('|'),
  'u',
)

/** Counts UTF-8 bytes; a text of more than `limit` characters is known to exceed it. */
function bytesUpTo(texts: readonly string[], limit: number): number {
  const length = texts.reduce((sum, text) => sum + text.length, 0)
  return length > limit ? length : texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
}

/**
 * Returns a lower bound, stopping above `limit`. In o200k every run of ASCII letters starts a new token, and so does
 * every third digit. Exceptions: contractions, which belong to the word before, and non-ASCII characters, which may
 * join their neighbours. No token is longer than 128 bytes.
 */
export function leastTokens(texts: readonly string[], limit: number): number {
  let total = 0
  for (const text of texts) {
    if (total > limit) break
    total += Math.max(Math.ceil(text.length / LONGEST_TOKEN_BYTES), runs(text, limit - total))
  }
  return total
}

function runs(text: string, limit: number): number {
  let found = 0
  let last = 'other'
  let digits = 0
  for (let at = 0; at < text.length && found <= limit; at += 1) {
    const code = text.charCodeAt(at)
    const kind = kindOf(code)
    if (kind === 'letter' && last !== 'letter' && last !== 'joint') found += 1
    if (kind === 'digit') {
      digits = last === 'digit' ? digits + 1 : 0
      if (last !== 'joint' && digits % 3 === 0) found += 1
    }
    last = kind
  }
  return found
}

function kindOf(code: number): 'letter' | 'digit' | 'joint' | 'other' {
  if ((code >= 97 && code <= 122) || (code >= 65 && code <= 90)) return 'letter'
  if (code >= 48 && code <= 57) return 'digit'
  return code >= 128 || code === 39 ? 'joint' : 'other'
}
