import type { ParsedBody } from '../core/call.ts'
import { type JsonObject, parseObject } from '../core/json.ts'
import { type Excess, excessOf } from '../util/json-limits.ts'

/** A body that is not read: beyond a limit, or no JSON object. */
export type UnreadBody = { excess: Excess } | undefined

/**
 * A request body that its sender has parsed already, under this name in the `init` of a `fetch`. Used where its `text` is
 * the body that is sent, so that a large body is parsed once.
 */
export const PREPARSED = Symbol.for('@hotdash/llm-gateway:parsed')
export type ParsedText = { text: string; json: JsonObject }

const MAX_BODIES = 128
const MAX_LENGTH = 32_768
const MARKS = 256
const SAMPLES = 16

/**
 * Reads bodies, and gives the same reading for the same text. Agents repeat themselves, those whose answers are cached
 * by definition, and what was worked out of a body need then not be worked out again. A body is kept from the second
 * time on: most never come again, and keeping them costs more than it brings.
 */
export function createBodyParser() {
  const readings = new Map<string, ParsedBody>()
  const marks = new Int32Array(MARKS)

  return function read(source: string, parsed?: ParsedText): ParsedBody | UnreadBody {
    const mark = sampleHash(source)
    const isNew = marks[mark & (MARKS - 1)] !== mark
    const known = isNew ? undefined : readings.get(source)
    if (known !== undefined) return known
    const isParsed = parsed?.text === source
    const excess = isParsed ? undefined : excessOf(source)
    if (excess !== undefined) return { excess }
    const body = isParsed ? parsed.json : parseObject(source)
    if (body === undefined) return undefined
    const reading: ParsedBody = { body, questions: {} }
    if (isNew) marks[mark & (MARKS - 1)] = mark
    else if (source.length <= MAX_LENGTH) keep(source, reading)
    return reading
  }

  function keep(source: string, reading: ParsedBody) {
    readings.set(source, reading)
    const [oldest] = readings.size > MAX_BODIES ? readings.keys() : []
    if (oldest !== undefined) readings.delete(oldest)
  }
}

/**
 * Parses a request body within the limits that `gateway.fetch` sets itself. For servers in front of it, which look into
 * bodies too: `fetchOptions` hands over the result, so that the body is not parsed twice.
 *
 * @example gateway.fetch(url, { method: 'POST', headers, ...parseBody(text).fetchOptions })
 * @returns `undefined` for what is no JSON object; `excess`, the name of the limit, for what is beyond one.
 */
export function parseBody(text: string): { excess: Excess } | PreparsedBody | undefined {
  if (!/^\s*\{/.test(text)) return undefined
  const excess = excessOf(text)
  if (excess !== undefined) return { excess }
  const json = parseObject(text)
  return json && preparsedBody(text, json)
}

/** A parsed body, and what to add to the `init` of a `fetch` that sends it. */
export type PreparsedBody = { json: JsonObject; fetchOptions: { body: string } }

export const preparsedBody = (text: string, json: JsonObject): PreparsedBody => ({
  json,
  fetchOptions: Object.assign({ body: text }, { [PREPARSED]: { text, json } satisfies ParsedText }),
})

/** What a text looks like from afar: good enough to tell that it is new. */
function sampleHash(source: string): number {
  let mark = source.length
  for (let sample = 1; sample <= SAMPLES; sample += 1)
    mark = (mark * 31 + source.charCodeAt(Math.floor((source.length * sample) / (SAMPLES + 1)))) | 0
  return mark
}
