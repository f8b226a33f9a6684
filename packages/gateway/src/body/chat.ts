import { isObject, type Json, type JsonObject, list, object, text } from '../core/json.ts'
import { sumOf } from './chat-sum.ts'
import * as chunked from './chunks.ts'
import type { Format } from './format.ts'
import type { SseEvent } from './sse.ts'
import { ensureStreamableChat } from './streamable.ts'
import { type WrittenText, writeAll } from './written-text.ts'

/** Chat completions: `chat.completion` whole, `chat.completion.chunk` streamed. */
export const chat: Format = {
  ends: chunked.ends,
  fails: chunked.fails,
  finished: chunked.finished,
  storable: chunked.storable,
  isUsageOnly: chunked.isUsageOnly,
  isSilent: chunked.isSilent,
  withoutNullUsage: chunked.withoutNullUsage,
  assemble,
  emit,
  produced,
}

function assemble(events: readonly SseEvent[]): JsonObject | undefined {
  const chunks = chunked.chunksOf(events)
  return chunks === undefined || chunks.length === 0 ? undefined : sumOf(chunks)
}

function emit(answer: JsonObject, includeUsage: boolean): string[] {
  ensureStreamableChat(answer)
  const { choices, usage, object: _, ...envelope } = answer
  const chunk = (choices: Json[]): JsonObject => ({
    ...envelope,
    object: 'chat.completion.chunk',
    choices,
    ...(includeUsage ? { usage: null } : {}),
  })
  const frames = list(choices).map((item, index) => {
    const { message, finish_reason, index: _, logprobs, ...rest } = object(item)
    const deltas = deltasOf(object(message))
    const frames = deltas.map((delta, position) => {
      // All in the first delta: accumulators append them.
      const probabilities = position === 0 && isObject(logprobs) ? logprobs : null
      return chunked.frame(chunk([{ index, delta, logprobs: probabilities, finish_reason: null }]))
    })
    const last = {
      ...rest,
      index,
      delta: {},
      logprobs: null,
      finish_reason: finish_reason ?? null,
    }
    return [...frames, chunked.frame(chunk([last]))]
  })
  const last = includeUsage && isObject(usage) ? [chunked.frame({ ...chunk([]), usage })] : []
  return [...chunked.interleaved(frames), ...last, chunked.DONE]
}

function deltasOf({
  role,
  content,
  refusal,
  tool_calls,
  function_call,
  annotations,
  ...others
}: JsonObject): JsonObject[] {
  const deltas: JsonObject[] = [
    {
      role: role ?? 'assistant',
      content: typeof content === 'string' ? '' : null,
      refusal: null,
      ...others,
      ...(Array.isArray(tool_calls) && tool_calls.length === 0 ? { tool_calls } : {}),
    },
  ]
  if (list(annotations).length > 0) deltas.push({ annotations: annotations ?? [] })
  for (const piece of chunked.pieces(text(content))) deltas.push({ content: piece })
  for (const piece of chunked.pieces(text(refusal))) deltas.push({ refusal: piece })
  list(tool_calls).forEach((call, index) => {
    // The index is the position, whatever index a call names: readers of whole answers ignore it.
    deltas.push(...toolDeltas(object(call)).map((delta) => ({ tool_calls: [{ ...delta, index }] })))
  })
  if (isObject(function_call)) {
    deltas.push({ function_call: { ...function_call, arguments: '' } })
    for (const piece of chunked.pieces(text(function_call.arguments)))
      deltas.push({ function_call: { arguments: piece } })
  }
  return deltas
}

/** Returns a delta with the call's name, followed by deltas of its arguments. */
function toolDeltas(call: JsonObject): JsonObject[] {
  const [kind, field] = isObject(call.custom)
    ? (['custom', 'input'] as const)
    : (['function', 'arguments'] as const)
  const body = object(call[kind])
  const opening = { ...call, [kind]: { ...body, [field]: '' } }
  return [opening, ...chunked.pieces(text(body[field])).map((piece) => ({ [kind]: { [field]: piece } }))]
}

function produced(events: readonly SseEvent[], say: WrittenText): void {
  for (const chunk of chunked.parsedOrEmpty(events))
    list(chunk.choices).forEach((choice, at) => {
      const { index, delta } = object(choice)
      writeAll(delta, `${typeof index === 'number' ? index : at}`, say)
    })
}
