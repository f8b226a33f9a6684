import { setImmediate as breathe } from 'node:timers/promises'
import { isObject, type Json, type JsonObject, list, object, text } from '../core/json.ts'
import type { Operation } from '../core/operation.ts'
import { errorText } from '../util/error-text.ts'
import { contextWindow } from './context-window.ts'
import { unwritten } from './images.ts'
import { addText, type Input, inputOf } from './input.ts'

type Tokeniser = typeof import('gpt-tokenizer/encoding/o200k_base')
let loading: Promise<Tokeniser> | undefined

/** Some 150 ms and 40 MB: not before somebody needs it. */
const tokeniser = () => (loading ??= import('gpt-tokenizer/encoding/o200k_base'))

/** "<|endoftext|>" in a question is text like any other. */
const PLAIN = { disallowedSpecial: new Set<string>() }
/** Images, audio, files and declarations may be written in fewer bytes than they have tokens. */
const MAY_BE_LARGER = /image|audio|file|"tools"|"functions"/
/** Tokens that come with the reply, whatever was asked. */
const REPLY = 3
/** The longest token of o200k, in bytes: 128 spaces. */
const LONGEST_TOKEN = 128
/** Characters in one run that are tokenised as they are; longer runs in slices of half that. */
const LONG = 512
/** Counting lets others go on after so many milliseconds. */
const BREATH_MS = 8

/**
 * Whether a call's input is longer than `limit` tokens: exact where it is close, nearly free where it is not.
 * Fewer bytes than the limit cannot be more tokens; more words than the limit cannot be fewer. Only in between is the
 * text tokenised, and no further than needed: then, and only then, the answer is a promise. Images count as
 * gpt-4o-mini bills them, 2,833 tokens at least: at a limit of 2,000 a single one exceeds it. Embeddings never do.
 */
export function exceeds(
  operation: Operation,
  body: JsonObject,
  source: string,
  limit: number,
  say: (message: string) => void = () => undefined,
): boolean | Promise<boolean> {
  if (operation === 'embeddings') return false
  // Each message costs fewer tokens than its JSON has bytes; only what is looked up elsewhere can cost more.
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
      say(`long inputs are told by their bytes, four to a token: the tokeniser failed: ${errorText(error)}`)
      return bytesUpTo(texts, Number.POSITIVE_INFINITY) / 4 > room
    },
  )
}

/** All input tokens: exact for text, by OpenAI's published figures for the rest. Loads the tokeniser. */
export async function countInput(operation: Operation, body: JsonObject): Promise<number> {
  const { fixed, texts } = measure(operation, body)
  return Math.max(0, fixed + (await tokensUpTo(texts, Number.POSITIVE_INFINITY)))
}

/**
 * The input's size, for quotas; never loads the tokeniser. `estimate` is as near as four bytes to a token come. `bound`
 * is more than the input can have: no token is shorter than a byte, images count at their largest, and what upstream
 * adds from elsewhere (earlier turns, templates, files, tools of its own) at most fills `window`, that of the model that
 * answers.
 */
export function inputSize(
  operation: Operation,
  body: JsonObject,
  source: string,
  window = contextWindow(text(body.model)),
): InputSize {
  const { fixed, texts } = measure(operation, body)
  const written = bytesUpTo(texts, Number.POSITIVE_INFINITY)
  const { bytes, tokens } = unwritten(operation, body, window)
  return {
    estimate: Math.max(0, fixed + Math.ceil(written / 4)),
    bound: Math.max(0, fixed) + Math.max(Buffer.byteLength(source) - bytes, written) + tokens,
  }
}

export type InputSize = { estimate: number; bound: number }

/** Tokens of texts that stand apart. Loads the tokeniser. */
export async function countTexts(texts: readonly string[]): Promise<number> {
  return await tokensUpTo(texts, Number.POSITIVE_INFINITY)
}

function measure(operation: Operation, body: JsonObject): Input {
  const input = inputOf(operation, body)
  if (operation !== 'chat' && operation !== 'responses') return input
  addTools(input, list(body.tools))
  if (operation === 'chat') addTools(input, list(body.functions))
  const format = object(operation === 'responses' ? object(body.text).format : body.response_format)
  const schema = format.json_schema ?? format.schema
  if (isObject(schema)) addText(input, written(schema))
  return input
}

/**
 * OpenAI's own formula for gpt-4o and gpt-4o-mini; it knows functions whose properties are plain values. Others are
 * counted as their JSON, which is longer than what the model is shown.
 * Source: OpenAI cookbook, "How to count tokens with tiktoken", `num_tokens_for_tools`.
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
    addText(input, written(declared))
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

/** JSON nested too deeply to be written is reduced to what could be read of it: its names and values. */
function written(value: Json): string {
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

/** Counts until it has more than `limit`; what it then returns is only that: more. */
async function tokensUpTo(texts: readonly string[], limit: number): Promise<number> {
  const { encodeGenerator, clearMergeCache } = await tokeniser()
  let total = 0
  let since = performance.now()
  for (const text of texts) {
    for (const slice of slices(text)) {
      for (const tokens of encodeGenerator(slice, PLAIN)) {
        total += tokens.length
        if (total > limit) break
        if (performance.now() - since < BREATH_MS) continue
        await breathe()
        since = performance.now()
      }
      if (total > limit) break
    }
  }
  // It would keep the last 100,000 rare words, and with each the whole text it was cut from.
  clearMergeCache()
  return total
}

/**
 * The merging inside one word takes the square of its length: 100,000 letters in a row, 6 seconds. Nobody writes words
 * of 512 letters, so such runs are counted in slices, which errs by a token a slice at most, towards more.
 */
function* slices(text: string): Generator<string> {
  let rest = text
  for (let at = longRun(rest); at !== -1; at = longRun(rest)) {
    const cut = at + LONG / 2
    const whole = isHighSurrogate(rest.charCodeAt(cut - 1)) ? cut + 1 : cut
    yield rest.slice(0, whole)
    rest = rest.slice(whole)
  }
  yield rest
}

const longRun = (text: string) => (text.length < LONG ? -1 : text.search(LONG_RUN))
const isHighSurrogate = (code: number) => code >= 0xd800 && code < 0xdc00

// Only the start of a run is tried, lest a text of words just short enough be read 512 times over.
const LONG_RUN = new RegExp(
  ['[\\p{L}\\p{M}]', '[^\\s\\p{L}\\p{N}]', '\\s'].map((kind) => `(?<!${kind})${kind}{${LONG}}`).join('|'),
  'u',
)

/** UTF-8 bytes; more than `limit` characters are more than `limit` bytes, and need no closer look. */
function bytesUpTo(texts: readonly string[], limit: number): number {
  const length = texts.reduce((sum, text) => sum + text.length, 0)
  return length > limit ? length : texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
}

/**
 * A bound from below that stops once it is over `limit`. Every run of ASCII letters begins a token of its own and every
 * three digits do, since o200k lets no token reach from one into the next: contractions excepted, which are part of the
 * word before, and characters beyond ASCII, which may join what is around them. No token is longer than 128 bytes.
 */
export function leastTokens(texts: readonly string[], limit: number): number {
  let total = 0
  for (const text of texts) {
    if (total > limit) break
    total += Math.max(Math.ceil(text.length / LONGEST_TOKEN), runs(text, limit - total))
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
