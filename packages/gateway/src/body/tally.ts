import type { Seen } from '../account/meter.ts'
import { isWholeUsage, serviceTier, usageFrom } from '../account/usage.ts'
import type { JsonObject, Operation } from '../call.ts'
import { isObject, object, parseObject } from '../json.ts'
import type { Format } from './format.ts'
import type { Entry, Log } from './log.ts'
import type { Answer } from './recording.ts'
import type { SseEvent } from './sse.ts'

export type Tally = ReturnType<typeof createTally>

/** What a body adds up to: whether its end has come, the tokens it names, the answer it holds. */
export function createTally(
  log: Log,
  format: Format | undefined,
  operation: Operation,
  streamed: boolean,
  asAsked: boolean,
) {
  // Usage comes in one of the last events; they are kept even when the answer is too long to be.
  const tail: SseEvent[] = []
  let passed = 0
  let answered: { answer: Answer | undefined } | undefined

  const keptEvents = () => log.kept().flatMap((entry) => entry.events)

  function assemble(): Answer | undefined {
    const entries = log.whole()
    if (entries === undefined) return undefined
    if (!streamed) return parse(textOf(entries))
    const json = format?.assemble(entries.flatMap((entry) => entry.events))
    return json && { text: JSON.stringify(json), json }
  }

  /** Parsed when somebody asks, once: for many streams nobody does. */
  function answer(): Answer | undefined {
    answered ??= { answer: assemble() }
    return answered.answer
  }

  return {
    answer: () => (asAsked ? answer() : undefined),
    /** The `error` of a refusal, which is JSON even where a stream was asked for. */
    error: () => (streamed ? undefined : answer()?.json.error),
    note(event: SseEvent): 'complete' | 'failed' | undefined {
      passed += 1
      tail.push(event)
      if (tail.length > 3) tail.shift()
      if (format?.fails(event)) return 'failed'
      return format?.ends(event) ? 'complete' : undefined
    },
    /** Every choice is there, though the end itself is not. */
    finished: () => streamed && format?.finished(keptEvents()) === true,
    /** `complete`: the answer has come to its end. */
    seen(complete: boolean): Seen {
      const last = streamed ? withUsage(tail) : (answer()?.json ?? {})
      const usage = usageFrom(last)
      if (usage) {
        // The last chunk but `[DONE]` counts the whole answer; usage in any other chunk may be a running count.
        const final = complete || (streamed && tail.some((event) => format?.isUsageOnly(event) === true))
        const whole = final && asAsked && isWholeUsage(operation, last)
        return { usage, whole, tier: serviceTier(last), produced: '', unkept: 0 }
      }
      const events = keptEvents()
      const produced = streamed ? (format?.produced(events) ?? '') : textOf(log.kept())
      return { usage: undefined, produced, unkept: passed - events.length }
    },
  }
}

/** Of the last events, the object that tells the usage: a chunk, or the response inside a terminal event. */
function withUsage(tail: readonly SseEvent[]): JsonObject {
  for (const { data } of tail.toReversed()) {
    if (!data.includes('"usage"')) continue
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

export function bytesOf(entries: readonly Entry[]): Uint8Array<ArrayBuffer> {
  const [only] = entries
  return (
    entries.length === 1 && only ? only.bytes : Buffer.concat(entries.map((entry) => entry.bytes))
  ) as Uint8Array<ArrayBuffer>
}

const decoder = new TextDecoder()
const textOf = (entries: readonly Entry[]) => decoder.decode(bytesOf(entries))
