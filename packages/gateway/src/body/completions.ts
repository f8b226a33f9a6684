import type { Json, JsonObject } from '../call.ts'
import { isObject, isSet, list, object, text } from '../json.ts'
import * as chunked from './chunks.ts'
import type { Format } from './format.ts'
import type { SseEvent } from './sse.ts'

/** Legacy completions: `text_completion`, whole and streamed. */
export const completions: Format = {
  ends: chunked.ends,
  fails: chunked.fails,
  finished: chunked.finished,
  storable: chunked.storable,
  isUsageOnly: chunked.isUsageOnly,
  withoutNullUsage: chunked.withoutNullUsage,
  assemble,
  emit,
  produced: (events) =>
    chunked
      .legible(events)
      .flatMap((chunk) => list(chunk.choices).map((choice) => text(object(choice).text)))
      .join(''),
}

function assemble(events: readonly SseEvent[]): JsonObject | undefined {
  const chunks = chunked.chunksOf(events)
  if (chunks === undefined || chunks.length === 0) return undefined
  const choices: JsonObject[] = []
  const answer: JsonObject = {}
  for (const { choices: deltas, usage, obfuscation: _, ...envelope } of chunks) {
    for (const [name, value] of Object.entries(envelope))
      if (isSet(value) || !(name in answer)) answer[name] = value
    if (isObject(usage)) answer.usage = usage
    for (const delta of list(deltas)) addChoice(choices, object(delta))
  }
  if (choices.length === 0 || !choices.every((choice) => typeof choice?.finish_reason === 'string'))
    return undefined
  return { ...answer, choices }
}

function addChoice(choices: JsonObject[], delta: JsonObject) {
  const index = chunked.indexOf(delta)
  choices[index] ??= { text: '', index, logprobs: null, finish_reason: null }
  const choice = choices[index]
  choice.text = text(choice.text) + text(delta.text)
  if (isSet(delta.finish_reason)) choice.finish_reason = delta.finish_reason
  if (!isObject(delta.logprobs)) return
  const probabilities = object(choice.logprobs)
  for (const [name, value] of Object.entries(delta.logprobs))
    probabilities[name] = Array.isArray(value) ? [...list(probabilities[name]), ...value] : value
  choice.logprobs = probabilities
}

function emit({ choices, usage, ...envelope }: JsonObject, includeUsage: boolean): string[] {
  const chunk = (choices: Json[]): JsonObject => ({
    ...envelope,
    choices,
    ...(includeUsage ? { usage: null } : {}),
  })
  const frames = list(choices).flatMap((item) => {
    const { text: written, finish_reason, index, logprobs } = object(item)
    const pieces = chunked.pieces(text(written))
    const deltas = (pieces.length === 0 ? [''] : pieces).map((piece, position) =>
      chunked.frame(
        chunk([
          {
            text: piece,
            index: index ?? 0,
            logprobs: position === 0 ? (logprobs ?? null) : null,
            finish_reason: null,
          },
        ]),
      ),
    )
    return [
      ...deltas,
      chunked.frame(
        chunk([{ text: '', index: index ?? 0, logprobs: null, finish_reason: finish_reason ?? null }]),
      ),
    ]
  })
  if (includeUsage && isObject(usage)) frames.push(chunked.frame({ ...chunk([]), usage }))
  return [...frames, chunked.DONE]
}
