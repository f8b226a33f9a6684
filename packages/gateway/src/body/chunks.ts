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
import { ensureExactNumbers } from './exact-numbers.ts'
import type { SseEvent } from './sse.ts'
import { ensure, ifUnambiguous, optionalText, ownMember, setMember } from './unambiguous.ts'

/** Functions shared by chat and legacy completions: a stream of chunks with choices, ended by `[DONE]`. */

export const DONE = 'data: [DONE]\n\n'
export const frame = (chunk: JsonObject) => `data: ${JSON.stringify(chunk)}\n\n`
export const ends = ({ data }: SseEvent) => data === '[DONE]'

/** Returns whether the SDK throws at an event: at one named `error`, and at any `error` member that is not empty. */
export function fails({ event, data }: SseEvent): boolean {
  if (event === 'error') return true
  return data.includes('"error"') && Boolean(parseObject(data)?.error)
}

/** Parses chunks. Returns `undefined` if the SDK reads an event as anything else, or if JSON cannot express a number. */
export function chunksOf(events: readonly SseEvent[]): JsonObject[] | undefined {
  return ifUnambiguous(() => {
    const chunks: JsonObject[] = []
    for (const event of events) {
      if (ends(event)) break
      ensure(!event.raw && !event.event?.startsWith('thread.'))
      ensure(!isUnwieldy(event.data, MAX_ANSWER_CHARS))
      const chunk = parseObject(event.data)
      ensure(chunk !== undefined && Array.isArray(chunk.choices) && !chunk.error)
      ensureExactNumbers(event.data, chunk)
      chunks.push(chunk)
    }
    return chunks
  })
}

/** Parses the chunks of a broken stream and skips what cannot be parsed: what was written is billed. */
export const parsedOrEmpty = (events: readonly SseEvent[]): JsonObject[] =>
  events.map(({ data }) => parseObject(data) ?? {})

export const isIndex = (value: Json | undefined, limit: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < limit

/** Returns the items by index. Gives up unless the indices are 0, 1, 2, … */
export function inOrder<T>(items: ReadonlyMap<number, T>): T[] {
  return Array.from({ length: items.size }, (_, index) => {
    ensure(items.has(index))
    return items.get(index) as T
  })
}

/**
 * Adds a chunk's members besides its choices. As in the SDK the last value counts, and chunks without an id are ignored
 * after the first. Gives up if those, which other readers do not ignore, hold another value.
 */
export function addEnvelope(into: JsonObject, members: JsonObject, first: boolean) {
  const heard = first || optionalText(members.id)
  for (const [name, value] of Object.entries(members)) {
    const known = ownMember(into, name)
    if (!heard) ensure(!isSet(value) || value === '' || value === 0 || isDeepStrictEqual(value, known))
    else {
      ensure(isSet(value) || !isSet(known))
      ensure(name !== 'usage' || !isSet(value) || isObject(value))
      setMember(into, name, value)
    }
  }
}

/** Matches `usage`, or an escape of one of its letters: an event without a match holds no usage. */
const USAGE = /usage|\\u00(?:6[157]|7[35])/i

export const mayTellUsage = (data: string) => USAGE.test(data)

/** Returns whether a chunk holds usage and no choice, i.e. is sent only if the request asked for usage. */
export function isUsageOnly({ data }: SseEvent): boolean {
  if (!mayTellUsage(data)) return false
  const chunk = parseObject(data)
  return chunk !== undefined && isObject(chunk.usage) && !chunk.error && list(chunk.choices).every(isEmpty)
}

/** Returns whether an event is `[DONE]`, or a chunk without a choice. */
export const isSilent = (event: SseEvent): boolean =>
  ends(event) || list(parseObject(event.data)?.choices).every(isEmpty)

/** LiteLLM sends usage with an empty choice. */
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

/** Returns whether every choice that has begun has its `finish_reason`. */
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

/** Splits a text into pieces of up to 48 UTF-16 units, never inside a surrogate pair. */
export const pieces = (text: string): string[] => text.match(/[\s\S]{1,48}(?![\udc00-\udfff])|[\s\S]/g) ?? []

/** Interleaves the chunks of several choices, one of each in turn, as models send them. */
export function interleaved(choices: string[][]): string[] {
  const longest = Math.max(0, ...choices.map((frames) => frames.length))
  return Array.from({ length: longest }, (_, at) =>
    choices.flatMap((frames) => frames.slice(at, at + 1)),
  ).flat()
}
