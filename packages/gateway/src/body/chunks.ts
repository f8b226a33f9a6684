import { isDeepStrictEqual } from 'node:util'
import {
  isObject,
  isSet,
  type Json,
  type JsonObject,
  list,
  object,
  parseObject,
  text as plain,
} from '../core/json.ts'
import { MAX_ANSWER_CHARS } from '../core/recording.ts'
import { isUnwieldy } from '../util/json-limits.ts'
import { sureOfNumbers } from './exact.ts'
import type { SseEvent } from './sse.ts'
import { own, set, sure, text, whereSure } from './sure.ts'

/** What chat and legacy completions have in common: a stream of chunks with choices, ended by `[DONE]`. */

export const DONE = 'data: [DONE]\n\n'
export const frame = (chunk: JsonObject) => `data: ${JSON.stringify(chunk)}\n\n`
export const ends = ({ data }: SseEvent) => data === '[DONE]'

/** The SDK throws at an event of this name, and at any `error` that is not empty. */
export function fails({ event, data }: SseEvent): boolean {
  if (event === 'error') return true
  return data.includes('"error"') && Boolean(parseObject(data)?.error)
}

/** `undefined` where there is an event among them that the SDK takes for something else than a chunk, or a number that no replay could say. */
export function chunksOf(events: readonly SseEvent[]): JsonObject[] | undefined {
  return whereSure(() => {
    const chunks: JsonObject[] = []
    for (const event of events) {
      if (ends(event)) break
      sure(!event.raw && !event.event?.startsWith('thread.'))
      sure(!isUnwieldy(event.data, MAX_ANSWER_CHARS))
      const chunk = parseObject(event.data)
      sure(chunk !== undefined && Array.isArray(chunk.choices) && !chunk.error)
      sureOfNumbers(event.data, chunk)
      chunks.push(chunk)
    }
    return chunks
  })
}

/** Whatever can be read of a stream that is not one any more: it was written, and will be billed. */
export const parsedOrEmpty = (events: readonly SseEvent[]): JsonObject[] =>
  events.map(({ data }) => parseObject(data) ?? {})

export const isIndex = (value: Json | undefined, limit: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < limit

/** By index, from 0 on and without a gap. */
export function inOrder<T>(items: ReadonlyMap<number, T>): T[] {
  return Array.from({ length: items.size }, (_, index) => {
    sure(items.has(index))
    return items.get(index) as T
  })
}

/**
 * Adds what a chunk says around its choices. As in the SDK, the last word counts, but a chunk without an id says nothing
 * of the answer, unless it is the first. A reader of single chunks hears all of them: they must not say anything else.
 */
export function addEnvelope(into: JsonObject, members: JsonObject, first: boolean) {
  const heard = first || text(members.id)
  for (const [name, value] of Object.entries(members)) {
    const known = own(into, name)
    if (!heard) sure(!isSet(value) || value === '' || value === 0 || isDeepStrictEqual(value, known))
    else {
      sure(isSet(value) || !isSet(known))
      sure(name !== 'usage' || !isSet(value) || isObject(value))
      set(into, name, value)
    }
  }
}

/** The name of usage, or a letter of it as an escape: without one of them an event tells none. */
const USAGE = /usage|\\u00(?:6[157]|7[35])/i

export const mayTellUsage = (data: string) => USAGE.test(data)

/** Whatever else is said around the choices: a caller that did not ask for usage would not have got this chunk. */
export function isUsageOnly({ data }: SseEvent): boolean {
  if (!mayTellUsage(data)) return false
  const chunk = parseObject(data)
  return chunk !== undefined && isObject(chunk.usage) && !chunk.error && list(chunk.choices).every(isEmpty)
}

/** LiteLLM sends usage with a choice that says nothing. */
const isEmpty = (choice: Json) =>
  Object.entries(object(choice)).every(([name, value]) =>
    name === 'delta'
      ? isObject(value) && Object.keys(value).length === 0
      : name === 'index' || value === null,
  )

export function withoutNullUsage(event: SseEvent): SseEvent {
  if (!mayTellUsage(event.data)) return event
  const chunk = parseObject(event.data)
  if (chunk === undefined || chunk.usage !== null) return event
  const { usage: _, ...rest } = chunk
  return { ...event, data: JSON.stringify(rest) }
}

/** True once every choice that has begun has its `finish_reason`. */
export function finished(events: readonly SseEvent[]): boolean {
  const open = new Map<Json | undefined, boolean>()
  for (const chunk of parsedOrEmpty(events))
    for (const choice of list(chunk.choices)) {
      const { index, finish_reason } = object(choice)
      open.set(index, open.get(index) === true || isFinish(finish_reason))
    }
  return open.size > 0 && [...open.values()].every((done) => done)
}

const isFinish = (reason: Json | undefined) => typeof reason === 'string' && reason !== ''

const WELL_FINISHED = new Set(['stop', 'tool_calls', 'function_call'])

export function storable(answer: JsonObject): boolean {
  const choices = list(answer.choices)
  return (
    choices.length > 0 && choices.every((choice) => WELL_FINISHED.has(plain(object(choice).finish_reason)))
  )
}

/** In pieces a reader would find natural, never between the halves of a surrogate pair. */
export const pieces = (text: string): string[] => text.match(/[\s\S]{1,48}(?![\udc00-\udfff])|[\s\S]/g) ?? []

/** Choices are written as a model writes them: a chunk of each in turn. */
export function interleaved(choices: string[][]): string[] {
  const longest = Math.max(0, ...choices.map((frames) => frames.length))
  return Array.from({ length: longest }, (_, at) =>
    choices.flatMap((frames) => frames.slice(at, at + 1)),
  ).flat()
}
