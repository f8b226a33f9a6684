import { isUtf8 } from 'node:buffer'
import { isObject, type JsonObject, object, parseObject } from '../core/json.ts'
import type { Operation } from '../core/operation.ts'
import { type Answer, MAX_ANSWER_CHARS, type ObservedAnswer } from '../core/recording.ts'
import { isUnwieldy } from '../util/json-limits.ts'
import type { ChunkLog, Entry } from './chunk-log.ts'
import { mayTellUsage } from './chunks.ts'
import { createEdges } from './edges.ts'
import type { Format } from './format.ts'
import type { SseEvent } from './sse.ts'
import { isWholeUsage, serviceTier, usageFrom } from './usage.ts'
import { createWritten, writeWhole } from './written.ts'

export type AnswerAccumulator = ReturnType<typeof createAccumulator>

type Kind = { operation: Operation; format: Format | undefined; streamed: boolean; asAsked: boolean }

/** What a body adds up to: whether its end has come, the tokens it names, the answer it holds. */
export function createAccumulator(log: ChunkLog, { operation, format, streamed, asAsked }: Kind) {
  // Usage comes in one of the last events; they are kept even when the answer is too long to be.
  const tail: SseEvent[] = []
  const edges = createEdges()
  /** What was written by events that are not kept any more. */
  const written = createWritten()
  /** Characters of events too long to be read. */
  let spilt = 0
  let answered: { answer: Answer | undefined } | undefined
  /** The answer's text is the bytes that came. */
  let isExact = true
  /** A body with more parts than are built for the gateway alone: it is passed on, and only its usage is read. */
  let isPassedOn = false

  const keptEvents = () => log.kept().flatMap((entry) => entry.events)

  function assemble(): Answer | undefined {
    const entries = log.whole()
    if (entries === undefined) return undefined
    if (!streamed) {
      if (operation === 'embeddings' && isLarge(entries)) return undefined
      const bytes = bytesOf(entries)
      isExact = isText(bytes)
      const text = decoder.decode(bytes)
      // The output of a Response shows what hosted tools cost.
      isPassedOn = operation !== 'responses' && isUnwieldy(text, MAX_ANSWER_CHARS)
      return isPassedOn ? undefined : parse(text)
    }
    const json = format?.assemble(entries.flatMap((entry) => entry.events))
    return json && { text: JSON.stringify(json), json }
  }

  function marked(): Answer | undefined {
    const answer = assemble()
    return answer && !isUtf8(bytesOf(log.whole() ?? [])) ? { ...answer, isMangled: true } : answer
  }

  /** Parsed when it is asked for, once: that of many streams never is. */
  function answer(): Answer | undefined {
    answered ??= { answer: attempt(marked) }
    return answered.answer
  }

  /** The object with the usage; vectors are not parsed for its sake. */
  function withUsage(): JsonObject {
    if (streamed) return usageIn(tail)
    if (operation === 'embeddings' || log.whole() === undefined) return edges.usage() ?? {}
    const json = answer()?.json
    return (isPassedOn ? edges.usage() : json) ?? {}
  }

  /** What events wrote; one that cannot be understood counts by its bytes, as does what is no answer of a known kind. */
  function write(events: readonly SseEvent[]): void {
    for (const event of events)
      if (!event.raw && attempt(() => format?.produced([event], written.say) ?? true) === undefined)
        written.say('', event.data)
  }

  /** All that the model has written. A vector is not written. */
  function writeAll(): void {
    if (operation === 'embeddings') return
    if (streamed) {
      write(keptEvents())
      return
    }
    const json = format === undefined ? undefined : answer()?.json
    const isUnderstood = json !== undefined && attempt(() => writeWhole(json, written.say)) === true
    if (!isUnderstood) written.say('', textOf(log.kept()))
  }

  return {
    /** What may be given again, or to others in their shape. */
    answer() {
      const found = asAsked ? answer() : undefined
      return isExact ? found : undefined
    },
    /** Events came after the end that the SDK still reads: what was added up is not all. */
    goesOn() {
      answered = { answer: undefined }
    },
    /** The `error` of a refusal, which is JSON even where a stream was asked for. */
    error: () => (streamed ? undefined : answer()?.json.error),
    /** Events that the log lets go of. */
    forget: write,
    /** Takes notice of one read; tells what the first of its events that means an end says of the answer. */
    note(bytes: Uint8Array, events: readonly SseEvent[]): 'complete' | 'failed' | undefined {
      if (!streamed) edges.push(bytes)
      for (const event of events) {
        if (event.raw) {
          spilt += Buffer.byteLength(event.data)
          continue
        }
        tail.push(event)
        if (tail.length > 3) tail.shift()
        if (format?.fails(event)) return 'failed'
        if (format?.ends(event)) return 'complete'
      }
      return undefined
    },
    /** Every choice is there, though the end itself is not. */
    finished: () => streamed && format?.finished(keptEvents()) === true,
    /** `complete`: the answer has come to its end. */
    seen(complete: boolean): ObservedAnswer {
      const last = withUsage()
      const usage = usageFrom(last)
      if (usage) {
        // The last chunk but `[DONE]` counts the whole answer; usage in any other chunk may be a running count.
        const final = complete || (streamed && tail.some((event) => format?.isUsageOnly(event) === true))
        const whole = final && asAsked && isWholeUsage(operation, last)
        return { usage, whole, tier: serviceTier(last), produced: [], unkept: 0 }
      }
      writeAll()
      return { usage: undefined, produced: written.texts(), unkept: spilt + written.beyond() }
    },
  }
}

/** What upstream wrote may be nested deeper than a stack is; then it is passed on and not understood. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** Of the last events, the object that tells the usage: a chunk, or the response inside a terminal event. */
function usageIn(tail: readonly SseEvent[]): JsonObject {
  for (const { data } of tail.toReversed()) {
    if (!mayTellUsage(data)) continue
    const json = parseObject(data) ?? {}
    if (isObject(json.usage)) return json
    const response = object(json.response)
    if (isObject(response.usage)) return response
  }
  return {}
}

/** A body that is no JSON object is passed on, never understood. */
function parse(text: string): Answer | undefined {
  const json = parseObject(text)
  return json && { text, json }
}

const isLarge = (entries: readonly Entry[]) =>
  entries.reduce((sum, { bytes }) => sum + bytes.byteLength, 0) > MAX_ANSWER_CHARS

export function bytesOf(entries: readonly Entry[]): Uint8Array<ArrayBuffer> {
  const [only] = entries
  return (
    entries.length === 1 && only ? only.bytes : Buffer.concat(entries.map((entry) => entry.bytes))
  ) as Uint8Array<ArrayBuffer>
}

/** UTF-8, and without a byte order mark, which decoding takes away. */
const isText = (bytes: Uint8Array) =>
  isUtf8(bytes) && !(bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf)

const decoder = new TextDecoder()
const textOf = (entries: readonly Entry[]) => decoder.decode(bytesOf(entries))
