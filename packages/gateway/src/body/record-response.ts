import type { Answer, Ending, Recording } from '../core/recording.ts'
import { type MeteredUsage, NO_USAGE, UNBILLED, UNMETERED } from '../core/usage.ts'
import { settlesWithin } from '../util/timeout.ts'
import { clearTimer, setTimer } from '../util/timers.ts'
import { withResolvers } from '../util/with-resolvers.ts'
import { createAccumulator } from './accumulator.ts'
import { mayBill } from './billable-errors.ts'
import { createChunkLog, terminated } from './chunk-log.ts'
import { ensureExactNumbers } from './exact-numbers.ts'
import type { Format } from './format.ts'
import { formats } from './formats.ts'
import type { Source } from './source.ts'
import { type SseEvent, sseReader } from './sse.ts'
import { createPieceBytes, type UpstreamResponse } from './upstream-response.ts'
import { openView } from './view.ts'

const MIB = 1024 * 1024

/** Size up to which an answer is kept for followers and the cache. Longer ones are held until every reader has read them. */
const KEEP_BYTES = 8 * MIB
/** Bytes that a reader may lag behind another one before upstream is paused. */
const LAG_BYTES = 64 * MIB
/** Size beyond which no reader may join: the beginning could be evicted before it is read. */
const JOIN_BYTES = KEEP_BYTES - MIB
/** Time for the rest of an answer after its readers have left: usage and `[DONE]` after the last choice, or an error's body. */
const DRAIN_MS = 2_000
/** Time after which a reader at the lag limit that reads nothing is dropped, if another one waits for it. */
const STALL_MS = 120_000

/** Returns whether a whole answer can be converted to a stream. */
function isStreamable(format: Format, { text, json }: Answer): boolean {
  try {
    ensureExactNumbers(text, json)
    format.emit(json, true)
    return true
  } catch {
    return false
  }
}

const NO_EVENTS: readonly SseEvent[] = []

/** Reads upstream's body once, as it arrives, for all of its readers. */
export function recordResponse(response: UpstreamResponse, source: Source): Recording {
  const type = response.headers.get('content-type') ?? ''
  const streamed = /^text\/event-stream\b/i.test(type)
  // An answer of another content type than requested is passed on unchanged: never parsed, stored or converted.
  const asAsked = source.stream ? streamed : /^application\/([^;]*\+)?json\b/i.test(type)
  const format = response.ok && asAsked ? formats[source.operation] : undefined
  const log = createChunkLog({ keep: KEEP_BYTES, lag: LAG_BYTES }, ({ events }) =>
    accumulator.addEvicted(events),
  )
  const accumulator = createAccumulator(log, { operation: source.operation, format, streamed, asAsked })
  const { body } = response
  const bytesOf = createPieceBytes()
  const over = withResolvers<void>()
  const ended = withResolvers<Ending>()
  let outcome: Ending['type'] | undefined
  let drain: NodeJS.Timeout | undefined
  let drained = false

  /** Runs before readers see the end, since they leave at it. The first end counts: a cancel or reset after a terminal event changes nothing. */
  function end(type: Ending['type'], error?: unknown) {
    if (outcome !== undefined) return
    outcome = type
    over.resolve()
    const finish = (usage: MeteredUsage) => {
      const { answer, written } = accumulator
      if (type === 'complete') ended.resolve({ type, usage, answer, written, bytes: log.pushed() })
      else if (type === 'aborted') ended.resolve({ type, usage })
      else ended.resolve({ type, usage, error })
    }
    try {
      const metered = response.ok ? source.meter(accumulator.seen(type === 'complete')) : refused(type)
      if (metered instanceof Promise) metered.then(finish).catch(() => finish(UNMETERED))
      else finish(metered)
    } catch {
      // The answer must end even if its tokens cannot be counted: its record and its hold wait for the end.
      finish(UNMETERED)
    }
  }

  function refused(type: Ending['type']): MeteredUsage {
    const error = type === 'complete' ? accumulator.error() : undefined
    return mayBill(response.status, error, source.azure()) ? NO_USAGE : UNBILLED
  }

  const reader = streamed ? sseReader() : undefined

  function take(bytes: Uint8Array, events: readonly SseEvent[]) {
    log.push({ bytes, events })
    if (outcome === 'complete' && format?.goesOn !== undefined && events.some(format.goesOn))
      accumulator.goesOn()
    const noted = accumulator.note(bytes, events)
    if (noted === 'failed') end('failed', new Error('upstream sent an error in mid-stream'))
    else if (noted === 'complete') end('complete')
  }

  async function pump() {
    try {
      for (;;) {
        const read = await body?.read()
        if (read?.value === undefined) break
        const bytes = bytesOf(read.value)
        take(bytes, reader?.push(bytes) ?? NO_EVENTS)
        for (let pressure = log.backpressure(); pressure !== undefined; pressure = log.backpressure()) {
          const isStalled = !(await settlesWithin(pressure, STALL_MS))
          if (isStalled && !log.dropSlowest()) return stop('the answer has no reader')
        }
      }
      const last = reader?.end() ?? NO_EVENTS
      if (last.length > 0) take(new Uint8Array(0), last)
      // A stream without a terminal event was truncated, even if its body ended cleanly.
      end(streamed && format !== undefined ? 'aborted' : 'complete')
      log.close()
    } catch (error) {
      end('failed', error)
      log.break(error)
    } finally {
      drained = true
      clearTimer(drain)
    }
  }

  function stop(reason: string) {
    end('aborted')
    log.break(terminated(reason))
    body?.cancel(reason).catch(() => undefined)
  }

  pump().catch((error: unknown) => {
    end('failed', error)
    log.break(terminated(error))
  })

  return {
    status: response.status,
    headers: response.headers,
    joinable: () => log.pushed() <= JOIN_BYTES && (outcome === undefined || outcome === 'complete'),
    isOver: () => outcome !== undefined,
    outcome: () => outcome,
    ended: ended.promise,
    async convertible() {
      await over.promise
      if (outcome !== 'complete' || !response.ok) return true
      const answer = accumulator.answer()
      return answer !== undefined && (source.stream || format === undefined || isStreamable(format, answer))
    },
    cancelIfUnread() {
      if (drained || drain !== undefined) return
      // An error is read to its end without readers: its body decides whether it is billed.
      if (outcome === undefined && response.ok && !accumulator.finished()) return stop('no reader is left')
      drain = setTimer(stop, DRAIN_MS, 'no reader is left')
      drain.unref()
    },
    open: (view, release) =>
      openView(
        { response, source, streamed, format, log, accumulator, over: over.promise, outcome: () => outcome },
        view,
        release,
      ),
  }
}
