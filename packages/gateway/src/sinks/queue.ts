import type { LogCode } from '../core/log-codes.ts'
import { isInstance } from '../util/error-text.ts'
import { attempt, callHook, guarded } from '../util/faults.ts'
import { clearTimer, setTimer } from '../util/timers.ts'
import { type CheckedDelivery, checkedDelivery, InvalidDelivery } from './delivery.ts'
import { exitPauseMs, resumeDeliveries, watchedForExit } from './exit-flush.ts'
import { errorSummary, isDeliveryError, resultOrAbort } from './final-error.ts'
import { createPace, retryDelayMs } from './pace.ts'
import { countBeyond, type QueuedReport, type SinkQueueOptions } from './queued-report.ts'
import { DeliveryError, type Report, type Sink } from './sink.ts'
import { spilledOf } from './spilled.ts'
import { lossOf, newStats, type SinkStats } from './stats.ts'

/** Failures in a row after which the sink counts as down. */
const FAILURES_UNTIL_DOWN = 4
const MAX_REPORT_FAILURES = 3

/** Creates a bounded queue before one sink: batches, retries with back-off, and drops the oldest reports when full. */
export function createSinkQueue(
  sink: Sink,
  { maxReports, maxBytes, warn, fault, onPendingChange }: SinkQueueOptions,
) {
  const { name, batch = 100, start, lingerMs = 1_000, deadlineMs = 5_000 } = sink
  const pace = createPace({ maxReports: batch, start, deadlineMs })
  const stats = newStats()
  /** Reports added since the start. */
  let accepted = 0
  /** Dropped and rejected counts at the last log line. */
  let [loggedDropped, loggedRejected] = [0, 0]
  let queue: QueuedReport[] = []
  /** Reports of the delivery in progress. */
  let inFlight: QueuedReport[] = []
  let bytes = 0
  let timer: NodeJS.Timeout | undefined
  let retryAt = 0
  let failuresInARow = 0
  let sending: Promise<boolean> | undefined
  let closing: Promise<void> | undefined
  /** Aborts the delivery in progress. */
  let abortDelivery: (why: string) => void = () => undefined

  function add(queued: QueuedReport) {
    queued.seq = accepted++
    if (stats.state === 'closed') return countMissed(CLOSED)
    if (stats.queued === 0) guarded(() => onPendingChange(true), fault, name)
    queue.push(queued)
    bytes += queued.bytes
    stats.queued += 1
    if (queue.length > maxReports || bytes > maxBytes) dropOldest()
    if (sending === undefined) schedule()
  }

  function dropOldest() {
    const gone = queue.splice(0, countBeyond(queue, bytes, { maxReports, maxBytes }))
    for (const { bytes: held } of gone) bytes -= held
    drop(gone, `more than ${maxReports} calls or ${maxBytes} bytes are waiting`)
  }

  function drop(gone: QueuedReport[], why: string) {
    if (gone.length === 0) return
    stats.dropped += gone.length
    stats.unconfirmed += gone.filter(({ unsure }) => unsure).length
    settle(gone.length)
    warnLost(name, why)
  }

  function countMissed(why: string) {
    stats.dropped += 1
    warnLost(name, why)
  }

  /** Logs a message that starts with the name of the sink. */
  const log = (code: LogCode, message: string, subject = name) => warn(code, `${name}: ${message}`, subject)

  function warnLost(subject: string, why: string) {
    if (log('GW_SINK_DROPPED', lossOf(stats, why), subject)) loggedDropped = stats.dropped
  }

  function settle(count: number) {
    stats.queued -= count
    if (stats.queued === 0) guarded(() => onPendingChange(false), fault, name)
  }

  /** Its timer does not keep the process alive: the exit flush delivers the rest. */
  function schedule() {
    const full = queue.length >= pace.fullAt()
    if (timer !== undefined) {
      if (!full || retryAt > performance.now()) return
      clearTimer(timer)
    }
    const pause = exitPauseMs()
    const ms = Math.max(full ? 0 : lingerMs, retryAt - performance.now(), pause)
    const due = () => {
      timer = undefined
      if (exitPauseMs() > pause) return schedule()
      resumeDeliveries()
      void send()
    }
    timer = setTimer(attempt, ms, due, fault, name, send).unref()
  }

  /** Returns `false` if a delivery failed. After `close`, no delivery starts. */
  function send(): Promise<boolean> {
    clearTimer(timer)
    timer = undefined
    if (sending === undefined && stats.state === 'closed') return Promise.resolve(false)
    sending ??= watchedForExit(deliver)
      .finally(() => {
        sending = undefined
        if (queue.length > 0 && stats.state !== 'closed') schedule()
      })
      // After a fault, `sending` must not stay set forever.
      .catch(() => {
        sending = undefined
        return false
      })
    return sending
  }

  async function deliver(): Promise<boolean> {
    if (queue.length === 0) return true
    // A report that failed before is sent alone.
    const due = queue.slice(0, queue[0]?.failures === undefined ? pace.size() : 1)
    const held = due.reduce((sum, each) => sum + each.bytes, 0)
    const abort = new AbortController()
    abortDelivery = (why) => abort.abort(new DeliveryError(why, { unsure: true }))
    const deadline = pace.deadlineMs(due.length)
    let [expired, isAnswered] = [false, false]
    const expire = () => {
      expired = true
      abortDelivery(`no answer within ${deadline} ms`)
    }
    const timeout = setTimer(attempt, deadline, expire, fault, name, expire).unref()
    const began = performance.now()
    queue = queue.slice(due.length)
    inFlight = due
    try {
      const reports = due.map((pending) => pending.report())
      const answer: unknown = await resultOrAbort(sink.deliver(reports, abort.signal), abort.signal)
      isAnswered = true
      const delivery = checkedDelivery(answer, reports)
      bytes -= held
      // Reports the sink has accepted are never sent again, even if counting them fails.
      let isCounted = false
      const counted = () => {
        isCounted = true
      }
      const counting = count.bind(undefined, due, reports, delivery, counted)
      attempt(counting, fault, name, () => void (isCounted || dropUncounted(due)))
      guarded(
        () => {
          if (expired) pace.late(due.length)
          else if (!abort.signal.aborted) pace.answered(due.length, performance.now() - began)
        },
        fault,
        name,
      )
      return delivery.retry.size < due.length
    } catch (error) {
      // A fault of the gateway after the sink had the batch: sent again, it could arrive twice.
      if (isAnswered && !isInstance(error, InvalidDelivery)) {
        bytes -= held
        fault(error, name)
        return dropUncounted(due)
      }
      if (isDeliveryError(error)) {
        if (error.unsure) for (const pending of due) pending.unsure = true
        queue = [...due, ...queue]
        if (expired || performance.now() - began > pace.targetMs) pace.late(due.length)
      } else retryAlone(due, error)
      failed(error)
      return false
    } finally {
      inFlight = []
      clearTimer(timeout)
    }
  }

  /** Drops what is left, and logs the final counts even if logged before. */
  function dropRest() {
    drop(queue.splice(0), CLOSED)
    if (stats.dropped > loggedDropped) warnLost(`${name} at the end`, CLOSED)
    if (stats.rejected > loggedRejected)
      log(
        'GW_SINK_REJECTED',
        `${stats.rejected} calls were rejected by the receiver, and are lost`,
        `${name} at the end`,
      )
  }

  function retryAlone(due: QueuedReport[], error: unknown) {
    for (const pending of due) pending.failures = (pending.failures ?? 0) + 1
    const rejected = due.filter(({ failures = 0 }) => failures >= MAX_REPORT_FAILURES)
    queue = [...due.filter((pending) => !rejected.includes(pending)), ...queue]
    if (rejected.length === 0) return
    for (const pending of rejected) bytes -= pending.bytes
    stats.rejected += rejected.length
    settle(rejected.length)
    log('GW_SINK_REJECTED', `a call could not be written down: ${errorSummary(error)}`)
  }

  /** Drops reports whose delivery was not counted because of a fault. */
  function dropUncounted(due: QueuedReport[]): false {
    for (const pending of due) pending.unsure = true
    drop(due, 'a fault of the gateway')
    return false
  }

  function count(
    due: QueuedReport[],
    reports: readonly Report[],
    { retry, unsure, rejected, spilled, reason }: CheckedDelivery,
    counted: () => void,
  ) {
    const back = due.filter((_, at) => retry.has(reports[at] as Report))
    due.forEach((pending, at) => {
      if (unsure.has(reports[at] as Report)) pending.unsure = true
    })
    const heldAgain = back.reduce((sum, each) => sum + each.bytes, 0)
    counted()
    queue = [...back, ...queue]
    bytes += heldAgain
    stats.rejected += rejected
    stats.spilled += spilled
    stats.delivered += due.length - back.length - rejected - spilled
    settle(due.length - back.length)
    if (reason !== undefined) {
      stats.lastError = rejected > 0 ? `${stats.rejected} calls are lost: ${reason}` : reason
      if (log('GW_SINK_ERROR', stats.lastError) && rejected > 0) loggedRejected = stats.rejected
    }
    if (back.length === due.length) return failed(new DeliveryError(reason ?? 'nothing of a batch was taken'))
    if (failuresInARow >= FAILURES_UNTIL_DOWN) log('GW_SINK_BACK', 'takes records again.')
    failuresInARow = 0
    retryAt = 0
    if (stats.state !== 'closed') stats.state = 'up'
  }

  function failed(error: unknown) {
    failuresInARow += 1
    stats.failures += 1
    stats.lastError = errorSummary(error)
    retryAt =
      performance.now() +
      retryDelayMs(failuresInARow, isDeliveryError(error) ? error.retryAfterMs : undefined)
    if (stats.state === 'closed') return
    stats.state = failuresInARow >= FAILURES_UNTIL_DOWN ? 'down' : 'failing'
    if (failuresInARow === FAILURES_UNTIL_DOWN)
      log('GW_SINK_DOWN', `takes no records, which wait here: ${stats.lastError}`)
  }

  /**
   * Delivers all reports now, without waiting for a back-off. Resolves `true` if no report added before the call is
   * pending; `losses` tells whether any was lost.
   */
  async function drain(giveUp?: AbortSignal): Promise<boolean> {
    const before = accepted
    const abort = () => abortDelivery('the program is ending')
    giveUp?.addEventListener('abort', abort, { once: true })
    try {
      if (sending !== undefined) await sending
      while ([...queue, ...inFlight].some(({ seq = 0 }) => seq < before))
        if (giveUp?.aborted || !(await send())) return false
      return true
    } finally {
      giveUp?.removeEventListener('abort', abort)
    }
  }

  /** Waits for the delivery in progress, so that all remaining reports count as dropped. */
  async function close() {
    stats.state = 'closed'
    clearTimer(timer)
    abortDelivery(CLOSED)
    await sending
    dropRest()
    await callHook(
      () => sink.close?.(),
      (error) => log('GW_SINK_CLOSE_FAILED', `could not be closed: ${errorSummary(error)}`),
    )
  }

  return {
    name,
    add,
    drain,
    /** Counts a report that could not be rendered. */
    missed: () => countMissed('a record could not be rendered'),
    /** Reports rejected and dropped since the start. */
    losses: () => stats.rejected + stats.dropped,
    close: () => (closing ??= close()),
    stats(): SinkStats {
      const spill = spilledOf(sink, (error) => log('GW_SINK_SPILL_FAILED', `spill(): ${errorSummary(error)}`))
      return { ...stats, ...(spill && { spill }) }
    },
  }
}

const CLOSED = 'the gateway was closed'
