import type { Json, JsonObject } from '../call.ts'
import { isObject, list, object, parseObject, text } from '../json.ts'
import type { SseEvent } from './sse.ts'

/** What chat and legacy completions have in common: a stream of chunks with choices, ended by `[DONE]`. */

export const DONE = 'data: [DONE]\n\n'
export const frame = (chunk: JsonObject) => `data: ${JSON.stringify(chunk)}\n\n`
export const ends = ({ data }: SseEvent) => data === '[DONE]'

export function fails({ event, data }: SseEvent): boolean {
  if (event === 'error') return true
  return data.includes('"error"') && isObject(parseObject(data)?.error)
}

export function chunksOf(events: readonly SseEvent[]): JsonObject[] | undefined {
  const chunks: JsonObject[] = []
  for (const event of events) {
    if (ends(event)) break
    const chunk = parseObject(event.data)
    if (chunk === undefined || !Array.isArray(chunk.choices)) return undefined
    chunks.push(chunk)
  }
  return chunks
}

/** Whatever can be read of a stream that is not one any more: it was written, and will be billed. */
export const legible = (events: readonly SseEvent[]): JsonObject[] =>
  events.map(({ data }) => parseObject(data) ?? {})

export const indexOf = (value: Json): number => {
  const { index } = object(value)
  return typeof index === 'number' ? index : 0
}

/** Moderation chunks have no choices either, but they bring something else. */
export function isUsageOnly({ data }: SseEvent): boolean {
  if (!data.includes('"usage":{') && !data.includes('"usage": {')) return false
  const chunk = parseObject(data)
  if (chunk === undefined || !isObject(chunk.usage) || !list(chunk.choices).every(isEmpty)) return false
  return Object.keys(chunk).every((key) => ENVELOPE.has(key))
}

/** LiteLLM sends usage with a choice that says nothing. */
const isEmpty = (choice: Json) =>
  Object.entries(object(choice)).every(([name, value]) =>
    name === 'delta'
      ? isObject(value) && Object.keys(value).length === 0
      : name === 'index' || value === null,
  )

const ENVELOPE = new Set([
  'id',
  'object',
  'created',
  'model',
  'service_tier',
  'system_fingerprint',
  'choices',
  'usage',
  'obfuscation',
])

export function withoutNullUsage(event: SseEvent): SseEvent {
  if (!event.data.includes('"usage"')) return event
  const chunk = parseObject(event.data)
  if (chunk === undefined || chunk.usage !== null) return event
  const { usage: _, ...rest } = chunk
  return { ...event, data: JSON.stringify(rest) }
}

/** True once every choice that has begun has its `finish_reason`. */
export function finished(events: readonly SseEvent[]): boolean {
  const open = new Map<number, boolean>()
  for (const chunk of chunksOf(events) ?? [])
    for (const choice of list(chunk.choices)) {
      const done = typeof object(choice).finish_reason === 'string'
      open.set(indexOf(choice), done || open.get(indexOf(choice)) === true)
    }
  return open.size > 0 && [...open.values()].every((done) => done)
}

const WELL_FINISHED = new Set(['stop', 'tool_calls', 'function_call'])

export function storable(answer: JsonObject): boolean {
  const choices = list(answer.choices)
  return (
    choices.length > 0 && choices.every((choice) => WELL_FINISHED.has(text(object(choice).finish_reason)))
  )
}

/** In pieces a reader would find natural, never between the halves of a surrogate pair. */
export const pieces = (text: string): string[] => text.match(/[\s\S]{1,48}(?![\udc00-\udfff])|[\s\S]/g) ?? []

/** Choices are written as a model writes them: a chunk of each in turn. */
export function sideBySide(choices: string[][]): string[] {
  const longest = Math.max(0, ...choices.map((frames) => frames.length))
  return Array.from({ length: longest }, (_, at) =>
    choices.flatMap((frames) => frames.slice(at, at + 1)),
  ).flat()
}
