import { formats } from '../body/format.ts'
import type { Answer } from '../body/recording.ts'
import type { Call, JsonObject } from '../call.ts'
import { list, object, text } from '../json.ts'

/** Larger answers are not worth what they push out. */
const MAX_ANSWER_CHARS = 1024 * 1024

/** Only a finished answer that keeps its own promises may be given again. */
export function admissible(call: Call, answer: Answer): boolean {
  if (answer.text.length > MAX_ANSWER_CHARS || ('error' in answer.json && answer.json.error !== null))
    return false
  const format = formats[call.operation]
  if (format === undefined) return Array.isArray(answer.json.data)
  return format.storable(answer.json) && (!asksForJson(call.body) || texts(answer.json).every(parses))
}

function asksForJson(body: JsonObject): boolean {
  const chat = body.response_format
  const responses = object(body.text).format
  return [chat, responses].some((format) => text(object(format).type).startsWith('json'))
}

/** What the model wrote as its answer proper, in chat and in Responses; not tool calls, not refusals. */
function texts(answer: JsonObject): string[] {
  const contents = list(answer.choices).map((choice) => object(object(choice).message).content)
  const parts = list(answer.output).flatMap((item) => list(object(item).content))
  const written = parts.filter((part) => object(part).type === 'output_text').map((part) => object(part).text)
  return [...contents, ...written].filter((text) => typeof text === 'string')
}

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
