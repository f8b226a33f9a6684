import type { Answer, Ending, Recording } from '../core/recording.ts'
import { type MeteredUsage, NO_USAGE, UNBILLED, UNMETERED } from '../core/usage.ts'
import { settlesWithin } from '../util/timeout.ts'
import { clearTimer, setTimer } from '../util/timers.ts'
import { createAccumulator } from './accumulator.ts'
import { mayBill } from './billable-errors.ts'
import { createChunkLog, terminated } from './chunk-log.ts'
import { sureOfNumbers } from './exact.ts'
import type { Format } from './format.ts'
import { formats } from './formats.ts'
import type { Source } from './source.ts'
import { type SseEvent, sseReader } from './sse.ts'
import type { UpstreamResponse } from './upstream-response.ts'
import { openView } from './view.ts'

const MIB = 1024 * 1024

/** Answers up to this size are kept for followers and the cache. Longer ones pass through, and are held for as long as a reader needs them. */
const KEEP_BYTES = 8 * MIB
/** How far a reader may lag behind another one that goes on; then upstream waits. */
const LAG_BYTES = 64 * MIB
/** No reader joins an answer that is about to be longer than what is kept: its beginning might go before it is read. */
const JOIN_BYTES = KEEP_BYTES - MIB
/** How long the rest of an answer whose readers have left may take: the usage and `[DONE]` after the last choice, or a refusal. */
const DRAIN_MS = 2_000
/** A reader that lags so far behind and reads nothing for this long loses the rest, if another one waits for it. */
const STALL_MS = 120_000

/** Whether a whole answer can be given as a stream. */
function isTold(format: Format, { text, json }: Answer): boolean {
  try {
    sureOfNumbers(text, json)
    format.emit(json, true)
    return true
  } catch {
    return false
  }
}

const NO_EVENTS: readonly SseEvent[] = []

/** Reads upstream's body, as it comes, once and for all of its readers. */
export function recordResponse(response: UpstreamResponse, source: Source): Recording {
  const type = response.headers.get('content-type') ?? ''
  const streamed = /^text\/event-stream\b/i.test(type)
  // What does not come in the kind it was asked in is passed on as it is, and never understood, kept or converted.
  const asAsked = source.stream ? streamed : /^application\/([^;]*\+)?json\b/i.test(type)
  const format = response.ok && asAsked ? formats[source.operation] : undefined
  const log = createChunkLog({ keep: KEEP_BYTES, lag: LAG_BYTES }, ({ events }) => tally.forget(events))
  const tally = createAccumulator(log, { operation: source.operation, format, streamed, asAsked })
  const { body } = response
  const over = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<Ending>()
  let outcome: Ending['type'] | undefined
  let drain: NodeJS.Timeout | undefined
  let drained = false

  /** Before any reader hears of it, since readers leave at the end. The first end counts: what follows a terminal event, a cancel or a reset, demotes nothing. */
  function end(type: Ending['type'], error?: unknown) {
    if (outcome !== undefined) return
    outcome = type
    over.resolve()
    const finish = (usage: MeteredUsage) => {
      if (type === 'complete') ended.resolve({ type, usage, answer: tally.answer })
      else if (type === 'aborted') ended.resolve({ type, usage })
      else ended.resolve({ type, usage, error })
    }
    try {
      const metered = response.ok ? source.meter(tally.seen(type === 'complete')) : refused(type)
      if (metered instanceof Promise) metered.then(finish).catch(() => finish(UNMETERED))
      else finish(metered)
    } catch {
      // What cannot be counted has no price; the answer ends all the same, since its record and its hold wait for that.
      finish(UNMETERED)
    }
  }

  function refused(type: Ending['type']): MeteredUsage {
    const error = type === 'complete' ? tally.error() : undefined
    return mayBill(response.status, error, source.azure()) ? NO_USAGE : UNBILLED
  }

  const reader = streamed ? sseReader() : undefined

  function take(bytes: Uint8Array, events: readonly SseEvent[]) {
    log.push({ bytes, events })
    if (outcome === 'complete' && format?.goesOn !== undefined && events.some(format.goesOn)) tally.goesOn()
    const noted = tally.note(bytes, events)
    if (noted === 'failed') end('failed', new Error('upstream sent an error in mid-stream'))
    else if (noted === 'complete') end('complete')
  }

  async function pump() {
    try {
      for (;;) {
        const read = await body?.read()
        if (read?.value === undefined) break
        take(read.value, reader?.push(read.value) ?? NO_EVENTS)
        for (let room = log.room(); room !== undefined; room = log.room()) {
          const isStalled = !(await settlesWithin(room, STALL_MS))
          if (isStalled && !log.giveUpSlowest()) return stop('the answer has no reader')
        }
      }
      const last = reader?.end() ?? NO_EVENTS
      if (last.length > 0) take(new Uint8Array(0), last)
      // A stream that simply stops was cut, however cleanly: its end is a terminal event.
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
      const answer = tally.answer()
      return answer !== undefined && (source.stream || format === undefined || isTold(format, answer))
    },
    cancelIfUnread() {
      if (drained || drain !== undefined) return
      // A refusal is read to its end although nobody waits for it: its words tell whether it is billed.
      if (outcome === undefined && response.ok && !tally.finished()) return stop('nobody reads any more')
      drain = setTimer(stop, DRAIN_MS, 'nobody reads any more')
      drain.unref()
    },
    open: (view, leave) =>
      openView(
        { response, source, streamed, format, log, tally, over: over.promise, outcome: () => outcome },
        view,
        leave,
      ),
  }
}
