import { isUtf8 } from 'node:buffer'
import { isObject, type JsonObject, object, parseObject } from '../core/json.ts'
import type { Operation } from '../core/operation.ts'
import { type Answer, MAX_ANSWER_CHARS, type ObservedAnswer } from '../core/recording.ts'
import { OPERATIONS } from '../operations/operations.ts'
import { isUnwieldy } from '../util/json-limits.ts'
import type { ChunkLog, Entry } from './chunk-log.ts'
import { mayTellUsage } from './chunks.ts'
import type { Format } from './format.ts'
import type { SseEvent } from './sse.ts'
import { isWholeUsage, serviceTier, usageFrom } from './usage.ts'
import { createEdges } from './usage-at-edges.ts'
import { createWritten, writeWhole } from './written-text.ts'

export type AnswerAccumulator = ReturnType<typeof createAccumulator>

type Kind = { operation: Operation; format: Format | undefined; streamed: boolean; asAsked: boolean }

/** Accumulates a body: whether it has ended, the usage it reports, the answer it holds. */
export function createAccumulator(log: ChunkLog, { operation, format, streamed, asAsked }: Kind) {
  const { output, hostedTools } = OPERATIONS[operation]
  // Usage is in one of the last events, which are kept even if the answer is too long to be.
  const tail: SseEvent[] = []
  const edges = createEdges()
  /** Texts of events that were evicted. */
  const written = createWritten()
  /** Bytes of events too long to be parsed. */
  let unparsedBytes = 0
  let answered: { answer: Answer | undefined } | undefined
  /** Whether the answer's text has the same bytes as the body. */
  let isExact = true
  /** A body with more parts than are built for the gateway alone: it is passed on, and only its usage is read. */
  let isPassedOn = false
  let isWritten = false

  const keptEvents = () => log.kept().flatMap((entry) => entry.events)

  function assemble(): Answer | undefined {
    const entries = log.whole()
    if (entries === undefined) return undefined
    if (!streamed) {
      if (output === 'vectors' && isLarge(entries)) return undefined
      const bytes = bytesOf(entries)
      isExact = isText(bytes)
      const text = decoder.decode(bytes)
      // An output that lists the calls of hosted tools shows what they cost.
      isPassedOn = hostedTools !== 'counted' && isUnwieldy(text, MAX_ANSWER_CHARS)
      return isPassedOn ? undefined : parse(text)
    }
    const json = format?.assemble(entries.flatMap((entry) => entry.events))
    return json && { text: JSON.stringify(json), json }
  }

  function withMangledFlag(): Answer | undefined {
    const answer = assemble()
    if (answer === undefined) return undefined
    const bytes = bytesOf(log.whole() ?? [])
    // A stream says its last word before its last byte: what follows, such as a comment, may have arrived in part.
    const isMangled = !isUtf8(bytes) && !(streamed && isUtf8(withoutBegun(bytes)))
    return isMangled ? { ...answer, isMangled } : answer
  }

  /** Parses the answer once, at the first use: many streams need none. */
  function answer(): Answer | undefined {
    answered ??= { answer: attempt(withMangledFlag) }
    return answered.answer
  }

  /** Returns the object that holds the usage, without parsing vectors. */
  function withUsage(): JsonObject {
    if (streamed) return usageIn(tail)?.json ?? {}
    if (output === 'vectors' || log.whole() === undefined) return edges.usage() ?? {}
    const json = answer()?.json
    return (isPassedOn ? edges.usage() : json) ?? {}
  }

  /** Adds the texts of events. An event or answer of an unknown kind counts by its bytes. */
  function write(events: readonly SseEvent[]): void {
    for (const event of events)
      if (!event.raw && attempt(() => format?.produced([event], written.say) ?? true) === undefined)
        written.say('', event.data)
  }

  /**
   * Returns whether the usage of a stream counts all of it. A count in a chunk that others with text follow is a running
   * one; so is one of a stream that broke before each of its choices was finished.
   */
  function isFinal(complete: boolean): boolean {
    const last = usageIn(tail)
    if (last === undefined || format === undefined) return false
    if (!tail.slice(tail.indexOf(last.event) + 1).every(format.isSilent)) return false
    return complete || (format.isUsageOnly(last.event) && format.finished(keptEvents()))
  }

  /** Adds every text that the model has written. Vectors are no text. */
  function writeAll(): void {
    if (output === 'vectors' || isWritten) return
    isWritten = true
    if (streamed) {
      write(keptEvents())
      return
    }
    const json = format === undefined ? undefined : answer()?.json
    const isUnderstood = json !== undefined && attempt(() => writeWhole(json, written.say)) === true
    if (!isUnderstood) written.say('', textOf(log.kept()))
  }

  return {
    /** Returns the answer, if it may be replayed or converted. */
    answer() {
      const found = asAsked ? answer() : undefined
      return isExact ? found : undefined
    },
    /** Marks the answer as incomplete: events that the SDK reads came after the end. */
    goesOn() {
      answered = { answer: undefined }
    },
    /** Returns the texts of a stream, also of one that cannot be assembled. `undefined` if they are not all known. */
    written(): string[] | undefined {
      if (!streamed) return undefined
      writeAll()
      return unparsedBytes + written.beyond() > 0 ? undefined : written.texts()
    },
    /** Returns the `error` of a refusal, which is JSON even if a stream was requested. */
    error: () => (streamed ? undefined : answer()?.json.error),
    /** Adds the texts of events that the log evicts. */
    addEvicted: write,
    /** Notes one read. Returns how its first terminal event ends the answer; `undefined` without one. */
    note(bytes: Uint8Array, events: readonly SseEvent[]): 'complete' | 'failed' | undefined {
      if (!streamed) edges.push(bytes)
      for (const event of events) {
        if (event.raw) {
          unparsedBytes += Buffer.byteLength(event.data)
          continue
        }
        tail.push(event)
        if (tail.length > 3) tail.shift()
        if (format?.fails(event)) return 'failed'
        if (format?.ends(event)) return 'complete'
      }
      return undefined
    },
    /** Returns whether every choice is complete, even without the end. */
    finished: () => streamed && format?.finished(keptEvents()) === true,
    /** Returns what was seen of the answer. `complete`: it has ended. */
    seen(complete: boolean): ObservedAnswer {
      const last = withUsage()
      const usage = usageFrom(last)
      if (usage) {
        const whole = (streamed ? isFinal(complete) : complete) && asAsked && isWholeUsage(operation, last)
        return { usage, whole, tier: serviceTier(last), produced: [], unkept: 0 }
      }
      writeAll()
      return { usage: undefined, produced: written.texts(), unkept: unparsedBytes + written.beyond() }
    },
  }
}

/** Returns `undefined` if reading throws, e.g. on JSON nested deeper than the stack allows: it is passed on unparsed. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** Returns the object with the usage and its event: one of the last chunks, or the response in a terminal event. */
function usageIn(tail: readonly SseEvent[]): { json: JsonObject; event: SseEvent } | undefined {
  for (const event of tail.toReversed()) {
    if (!mayTellUsage(event.data)) continue
    const json = parseObject(event.data) ?? {}
    if (isObject(json.usage)) return { json, event }
    const response = object(json.response)
    if (isObject(response.usage)) return { json: response, event }
  }
  return undefined
}

/** Returns `undefined` for a body that is no JSON object. */
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

/** Leaves out a last character of which only the beginning is there. */
function withoutBegun(bytes: Uint8Array): Uint8Array {
  const lead = bytes.findLastIndex((byte) => (byte & 0xc0) !== 0x80)
  const isBegun = bytes.length - lead < 4 && (bytes[lead] ?? 0) >= 0xc0
  return isBegun ? bytes.subarray(0, lead) : bytes
}

/** Returns whether bytes are UTF-8 without a byte order mark, which decoding would remove. */
const isText = (bytes: Uint8Array) =>
  isUtf8(bytes) && !(bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf)

const decoder = new TextDecoder()
const textOf = (entries: readonly Entry[]) => decoder.decode(bytesOf(entries))
