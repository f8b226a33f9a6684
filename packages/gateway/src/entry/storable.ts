import { formats } from '../body/formats.ts'
import type { Call } from '../core/call.ts'
import { isSet, type JsonObject, list, object, text } from '../core/json.ts'
import type { Operation } from '../core/operation.ts'
import { type Answer, MOST_ANSWER_CHARS } from '../core/recording.ts'
import { saysAll } from './asked/chat.ts'
import { areWritten } from './asked/completions.ts'
import { isNested } from './asked/depth.ts'
import { areVectors } from './asked/embeddings.ts'
import { isSaid } from './asked/responses.ts'

/** For each operation: whether an answer is what its request asked for. */
const ASKED: Record<Operation, (body: JsonObject, answer: JsonObject) => boolean> = {
  chat: saysAll,
  completions: areWritten,
  embeddings: areVectors,
  responses: isSaid,
}

/** Only a finished answer that is what was asked for may be given again. */
export function isStorable(call: Call, answer: Answer): boolean {
  if (answer.isMangled || answer.text.length > MOST_ANSWER_CHARS) return false
  const { json } = answer
  if (isSet(json.error) || isNested(json)) return false
  const finished = formats[call.operation]?.storable(json) ?? true
  return (
    finished &&
    ASKED[call.operation](call.body, json) &&
    (!asksForJson(call.body) || texts(json).every(parses))
  )
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
