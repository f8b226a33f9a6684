import { isDeepStrictEqual } from 'node:util'
import { isObject, type Json, type JsonObject, list, text } from '../core/json.ts'
import { ensure } from './unambiguous.ts'

/** A text that arrives in deltas: of a part, or of an item itself. */
export type Part = {
  /** Type of the part. Empty for an item's own text. */
  kind: string
  /** The part as its first event had it. */
  begun: JsonObject
  text: string
  /** Whether it has ended: no delta may follow. */
  done: boolean
  annotations: Json[]
  /** Of the deltas, and of the event that ends the text. */
  logprobs: Json[]
  logprobsDone: Json[] | undefined
}

/** Returns a part before its first delta. */
export const partOf = (kind: string, begun: JsonObject): Part => ({
  kind,
  begun,
  text: '',
  done: false,
  annotations: [],
  logprobs: [],
  logprobsDone: undefined,
})

/** An item of the output, as assembled from its events. */
export type Item = {
  id: string
  type: string
  /** The item's own text: the arguments of a call. */
  own: Part
  parts: Part[]
  done: JsonObject | undefined
}

/** Events of texts, by their names without `.delta` and `.done`: the owner, the field, the index. */
const TEXTS: Record<string, { of: string; kind: string; field: string; at?: string }> = {
  'response.output_text': { of: 'message', kind: 'output_text', field: 'text', at: 'content_index' },
  'response.refusal': { of: 'message', kind: 'refusal', field: 'refusal', at: 'content_index' },
  'response.reasoning_summary_text': {
    of: 'reasoning',
    kind: 'summary_text',
    field: 'text',
    at: 'summary_index',
  },
  'response.function_call_arguments': { of: 'function_call', kind: '', field: 'arguments' },
  'response.custom_tool_call_input': { of: 'custom_tool_call', kind: '', field: 'input' },
}

/** Events that begin and end parts, by their names without `.added` and `.done`. */
const PARTS: Record<string, { of: string; at: string }> = {
  'response.content_part': { of: 'message', at: 'content_index' },
  'response.reasoning_summary_part': { of: 'reasoning', at: 'summary_index' },
}

/** Adds an event to an item. Gives up on an event that does not fit, or that no replay produces. */
export function addPart(item: Item, type: string, json: JsonObject) {
  ensure(json.item_id === item.id)
  if (type === 'response.output_text.annotation.added') return addAnnotation(item, json)
  const end = type.lastIndexOf('.')
  const [name, step] = [type.slice(0, end), type.slice(end + 1)]
  if (Object.hasOwn(PARTS, name)) return addWhole(item, step, PARTS[name], json)
  const place = Object.hasOwn(TEXTS, name) ? TEXTS[name] : undefined
  ensure(place !== undefined && place.of === item.type)
  const part = place.at === undefined ? item.own : partAt(item, json[place.at])
  ensure(part.kind === place.kind)
  if (step === 'delta') {
    ensure(typeof json.delta === 'string' && !part.done)
    part.text += json.delta
    part.logprobs.push(...list(json.logprobs))
  } else {
    ensure(step === 'done' && !part.done && fits(part, json[place.field]))
    part.done = true
    part.logprobsDone = list(json.logprobs)
  }
}

function addWhole(item: Item, step: string, told: (typeof PARTS)[string] | undefined, json: JsonObject) {
  const { part } = json
  ensure(told !== undefined && told.of === item.type && isObject(part))
  const index = json[told.at]
  if (step === 'added') {
    ensure(index === item.parts.length && text(part[FIELD[text(part.type)] ?? '']) === '')
    item.parts.push(partOf(text(part.type), part))
  } else {
    const known = partAt(item, index)
    ensure(step === 'done' && part.type === known.kind && isSame(known, part))
  }
}

/** Field that holds the text of a part, by the part's type. */
const FIELD: Record<string, string> = { output_text: 'text', refusal: 'refusal', summary_text: 'text' }

function partAt(item: Item, index: Json | undefined): Part {
  const part = typeof index === 'number' ? item.parts[index] : undefined
  ensure(part !== undefined)
  return part
}

function addAnnotation(item: Item, { content_index, annotation_index, annotation }: JsonObject) {
  const { annotations } = partAt(item, content_index)
  ensure(annotation_index === annotations.length && annotation !== undefined)
  annotations.push(annotation)
}

const fits = ({ text }: Part, whole: Json | undefined) => text === whole

const isSame = (part: Part, whole: JsonObject) => {
  const field = FIELD[part.kind]
  return field === undefined ? isDeepStrictEqual(part.begun, whole) : fits(part, whole[field])
}

/** Returns whether each event of a text has the log probabilities that a replay gives it: those of the whole part. */
const hasLogprobs = ({ logprobs, logprobsDone = logprobs }: Part, whole: Json[]) =>
  isDeepStrictEqual(logprobs, whole) && isDeepStrictEqual(logprobsDone, whole)

/** Returns whether the final item equals the one assembled from its events. */
export function matchesFinal({ type, own: told, parts }: Item, final: JsonObject): boolean {
  if (type === 'function_call') return fits(told, final.arguments)
  if (type === 'custom_tool_call') return fits(told, final.input)
  const whole = list(type === 'message' ? final.content : type === 'reasoning' ? final.summary : undefined)
  if (parts.length === 0) return true
  return (
    parts.length === whole.length &&
    parts.every((part, index) => {
      const last = whole[index]
      if (!isObject(last) || last.type !== part.kind || !isSame(part, last)) return false
      if (!hasLogprobs(part, list(last.logprobs))) return false
      return part.annotations.length === 0 || isDeepStrictEqual(part.annotations, last.annotations)
    })
  )
}
