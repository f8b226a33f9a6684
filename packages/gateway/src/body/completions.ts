import { isObject, isSet, type Json, type JsonObject, list, object, text } from '../core/json.ts'
import * as chunked from './chunks.ts'
import type { Format } from './format.ts'
import type { SseEvent } from './sse.ts'
import { ensureStreamableCompletion } from './streamable.ts'
import { ensure, ifUnambiguous, optionalText, ownMember, setMember } from './unambiguous.ts'

/** Legacy completions: `text_completion`, whole and streamed. */
export const completions: Format = {
  ends: chunked.ends,
  fails: chunked.fails,
  finished: chunked.finished,
  storable: chunked.storable,
  isUsageOnly: chunked.isUsageOnly,
  isSilent: chunked.isSilent,
  withoutNullUsage: chunked.withoutNullUsage,
  assemble,
  emit,
  produced(events, say) {
    for (const chunk of chunked.parsedOrEmpty(events))
      list(chunk.choices).forEach((choice, at) => {
        const { index, text: piece } = object(choice)
        say(`${typeof index === 'number' ? index : at}`, text(piece))
      })
  },
}

type Choice = { text: string; logprobs: JsonObject | undefined; finish: string | undefined }

/** Limit of the API: 2,048 prompts with 128 answers each. */
const MOST_CHOICES = 262_144

/** Returns `undefined` if readers could assemble the chunks differently, as `sumOf` does for chat. */
function assemble(events: readonly SseEvent[]): JsonObject | undefined {
  const chunks = chunked.chunksOf(events)
  if (chunks === undefined || chunks.length === 0) return undefined
  return ifUnambiguous(() => {
    const envelope: JsonObject = {}
    const choices = new Map<number, Choice>()
    chunks.forEach(({ choices: items, obfuscation: _, ...rest }, at) => {
      chunked.addEnvelope(envelope, rest, at === 0)
      for (const item of list(items)) addChoice(choices, item)
    })
    ensure(choices.size > 0)
    const { usage, ...rest } = envelope
    return {
      ...rest,
      ...(isSet(usage) ? { usage } : {}),
      choices: chunked.inOrder(choices).map(whole),
    }
  })
}

function addChoice(choices: Map<number, Choice>, item: Json) {
  ensure(isObject(item))
  const { index, text: said, logprobs, finish_reason, ...rest } = item
  ensure(chunked.isIndex(index, MOST_CHOICES) && Object.values(rest).every((value) => !isSet(value)))
  const choice = choices.get(index) ?? { text: '', logprobs: undefined, finish: undefined }
  choices.set(index, choice)
  choice.text += optionalText(said) ?? ''
  choice.finish = optionalText(finish_reason) || choice.finish
  if (!isSet(logprobs)) return
  ensure(isObject(logprobs))
  choice.logprobs ??= {}
  for (const [name, value] of Object.entries(logprobs)) {
    const before = ownMember(choice.logprobs, name)
    if (!Array.isArray(value) || !Array.isArray(before))
      setMember(choice.logprobs, name, Array.isArray(value) ? [...value] : value)
    else for (const each of value) before.push(each)
  }
}

function whole({ text, logprobs, finish }: Choice, index: number): JsonObject {
  ensure(finish !== undefined)
  return { text, index, logprobs: logprobs ?? null, finish_reason: finish }
}

function emit(answer: JsonObject, includeUsage: boolean): string[] {
  ensureStreamableCompletion(answer)
  const { choices, usage, ...envelope } = answer
  const chunk = (choices: Json[]): JsonObject => ({
    ...envelope,
    choices,
    ...(includeUsage ? { usage: null } : {}),
  })
  const frames = list(choices).flatMap((item, index) => {
    const { text: written, finish_reason, index: _, logprobs, ...rest } = object(item)
    const pieces = chunked.pieces(text(written))
    const deltas = (pieces.length === 0 ? [''] : pieces).map((piece, position) =>
      chunked.frame(
        chunk([
          {
            text: piece,
            index,
            logprobs: position === 0 ? (logprobs ?? null) : null,
            finish_reason: null,
          },
        ]),
      ),
    )
    return [
      ...deltas,
      chunked.frame(
        chunk([{ ...rest, text: '', index, logprobs: null, finish_reason: finish_reason ?? null }]),
      ),
    ]
  })
  if (includeUsage && isObject(usage)) frames.push(chunked.frame({ ...chunk([]), usage }))
  return [...frames, chunked.DONE]
}
