import type { Json, JsonObject } from '../call.ts'
import { isObject, isSet, list, object, text } from '../json.ts'
import * as chunked from './chunks.ts'
import type { Format } from './format.ts'
import type { SseEvent } from './sse.ts'

/** Chat completions: `chat.completion` whole, `chat.completion.chunk` streamed. */
export const chat: Format = {
  ends: chunked.ends,
  fails: chunked.fails,
  finished: chunked.finished,
  storable: chunked.storable,
  isUsageOnly: chunked.isUsageOnly,
  withoutNullUsage: chunked.withoutNullUsage,
  assemble,
  emit,
  produced,
}

function assemble(events: readonly SseEvent[]): JsonObject | undefined {
  const chunks = chunked.chunksOf(events)
  const [first] = chunks ?? []
  if (chunks === undefined || first === undefined) return undefined
  const answer: JsonObject = { object: 'chat.completion' }
  const choices: JsonObject[] = []
  for (const chunk of chunks) {
    const { choices: deltas, object: _, usage, obfuscation: __, ...envelope } = chunk
    for (const [name, value] of Object.entries(envelope))
      if (isSet(value) || !(name in answer)) answer[name] = value
    if (isObject(usage)) answer.usage = usage
    for (const delta of list(deltas)) addChoice(choices, object(delta))
  }
  if (choices.length === 0 || !choices.every((choice) => typeof choice?.finish_reason === 'string'))
    return undefined
  const { id, created, model, object: kind, ...rest } = answer
  return {
    id: id ?? '',
    object: kind ?? '',
    created: created ?? 0,
    model: model ?? '',
    choices: choices.map(whole),
    ...rest,
  }
}

function addChoice(
  choices: JsonObject[],
  { delta, logprobs, index: _, ...rest }: JsonObject & { index?: Json },
) {
  const index = chunked.indexOf({ index: _ ?? 0 })
  choices[index] ??= { index, message: {}, logprobs: null, finish_reason: null }
  const choice = choices[index]
  merge(choice.message as JsonObject, object(delta))
  if (isObject(logprobs)) {
    if (!isObject(choice.logprobs)) choice.logprobs = {}
    merge(choice.logprobs as JsonObject, logprobs)
  }
  for (const [name, value] of Object.entries(rest)) if (isSet(value)) choice[name] = value
}

/** Strings go on, indexed items find their own, other lists are appended to, the rest is replaced. */
function merge(into: JsonObject, delta: JsonObject) {
  for (const [name, value] of Object.entries(delta)) {
    const known = into[name]
    if (name === 'role' || name === 'id' || name === 'type') into[name] = known ?? value
    else if (typeof known === 'string' && typeof value === 'string') into[name] = known + value
    else if (Array.isArray(value)) into[name] = mergeList(list(known), value)
    else if (isObject(known) && isObject(value)) merge(known, value)
    else if (isSet(value) || !(name in into)) into[name] = isObject(value) ? { ...value } : value
  }
}

function mergeList(known: Json[], items: Json[]): Json[] {
  for (const item of items) {
    const { index, ...rest } = object(item)
    if (typeof index !== 'number') known.push(item)
    else {
      if (!isObject(known[index])) known[index] = {}
      merge(known[index], rest)
    }
  }
  return known
}

/** As the API writes a whole message: the fields a stream leaves out when they are empty. */
function whole({ index, message, logprobs, finish_reason, ...rest }: JsonObject): JsonObject {
  const { role, content, refusal, annotations, ...others } = object(message)
  const full: JsonObject = { role: role ?? 'assistant', content: content ?? null, refusal: refusal ?? null }
  const complete = { ...full, ...others, annotations: annotations ?? [] }
  return {
    index: index ?? 0,
    message: complete,
    logprobs: logprobs ?? null,
    finish_reason: finish_reason ?? null,
    ...rest,
  }
}

function emit(answer: JsonObject, includeUsage: boolean): string[] {
  const { choices, usage, object: _, ...envelope } = answer
  const chunk = (choices: Json[]): JsonObject => ({
    ...envelope,
    object: 'chat.completion.chunk',
    choices,
    ...(includeUsage ? { usage: null } : {}),
  })
  const frames = list(choices).map((item) => {
    const { message, finish_reason, index, logprobs, ...rest } = object(item)
    const deltas = deltasOf(object(message))
    const frames = deltas.map((delta, position) => {
      // All at once with the first delta: accumulators only append them.
      const probabilities = position === 0 && isObject(logprobs) ? logprobs : null
      return chunked.frame(
        chunk([{ index: index ?? 0, delta, logprobs: probabilities, finish_reason: null }]),
      )
    })
    const last = {
      ...rest,
      index: index ?? 0,
      delta: {},
      logprobs: null,
      finish_reason: finish_reason ?? null,
    }
    return [...frames, chunked.frame(chunk([last]))]
  })
  const last = includeUsage && isObject(usage) ? [chunked.frame({ ...chunk([]), usage })] : []
  return [...chunked.sideBySide(frames), ...last, chunked.DONE]
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
    { role: role ?? 'assistant', content: typeof content === 'string' ? '' : null, refusal: null, ...others },
  ]
  if (list(annotations).length > 0) deltas.push({ annotations: annotations ?? [] })
  for (const piece of chunked.pieces(text(content))) deltas.push({ content: piece })
  for (const piece of chunked.pieces(text(refusal))) deltas.push({ refusal: piece })
  list(tool_calls).forEach((call, index) => {
    deltas.push(...toolDeltas(object(call)).map((delta) => ({ tool_calls: [{ index, ...delta }] })))
  })
  if (isObject(function_call)) {
    deltas.push({ function_call: { ...function_call, arguments: '' } })
    for (const piece of chunked.pieces(text(function_call.arguments)))
      deltas.push({ function_call: { arguments: piece } })
  }
  return deltas
}

/** The call's name first, then what it is called with. */
function toolDeltas(call: JsonObject): JsonObject[] {
  const [kind, field] = isObject(call.custom)
    ? (['custom', 'input'] as const)
    : (['function', 'arguments'] as const)
  const body = object(call[kind])
  const opening = { ...call, [kind]: { ...body, [field]: '' } }
  return [opening, ...chunked.pieces(text(body[field])).map((piece) => ({ [kind]: { [field]: piece } }))]
}

/** Everything in the deltas that is text: content, refusals, reasoning, the names and arguments of tools. */
function produced(events: readonly SseEvent[]): string {
  const deltas = chunked
    .legible(events)
    .flatMap((chunk) => list(chunk.choices).map((choice) => object(choice).delta))
  return deltas.map(strings).join('')
}

function strings(value: Json | undefined): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.map(strings).join('')
  if (!isObject(value)) return ''
  return Object.entries(value)
    .filter(([name]) => name !== 'role' && name !== 'id' && name !== 'type')
    .map(([, inner]) => strings(inner))
    .join('')
}
