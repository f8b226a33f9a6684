import { formats } from '../body/formats.ts'
import type { Call } from '../core/call.ts'
import { isSet, type JsonObject, list, object, text } from '../core/json.ts'
import type { Operation } from '../core/operation.ts'
import { type Answer, MAX_ANSWER_CHARS } from '../core/recording.ts'
import { hasAllChoices } from './completeness/chat.ts'
import { hasAllTexts } from './completeness/completions.ts'
import { isNested } from './completeness/depth.ts'
import { hasAllVectors } from './completeness/embeddings.ts'
import { hasAllItems } from './completeness/responses.ts'

/** Per operation: whether an answer fits its request. */
const FITS_REQUEST: Record<Operation, (body: JsonObject, answer: JsonObject) => boolean> = {
  chat: hasAllChoices,
  completions: hasAllTexts,
  embeddings: hasAllVectors,
  responses: hasAllItems,
}

/** Whether an answer may be stored: finished, and fitting its request. */
export function isStorable(call: Call, answer: Answer): boolean {
  if (answer.isMangled || answer.text.length > MAX_ANSWER_CHARS) return false
  const { json } = answer
  if (isSet(json.error) || isNested(json)) return false
  const finished = formats[call.operation]?.storable(json) ?? true
  return (
    finished &&
    FITS_REQUEST[call.operation](call.body, json) &&
    (!asksForJson(call.body) || texts(json).every(isJson))
  )
}

function asksForJson(body: JsonObject): boolean {
  const chat = body.response_format
  const responses = object(body.text).format
  return [chat, responses].some((format) => text(object(format).type).startsWith('json'))
}

/** Returns the text of the answer in chat and Responses, without tool calls and refusals. */
function texts(answer: JsonObject): string[] {
  const contents = list(answer.choices).map((choice) => object(object(choice).message).content)
  const parts = list(answer.output).flatMap((item) => list(object(item).content))
  const written = parts.filter((part) => object(part).type === 'output_text').map((part) => object(part).text)
  return [...contents, ...written].filter((text) => typeof text === 'string')
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
