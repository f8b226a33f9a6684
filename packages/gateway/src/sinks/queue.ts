import type { LogCode } from '../core/log-codes.ts'
import { counted } from '../util/counted.ts'
import { isInstance } from '../util/error-text.ts'
import { attempt, callHook, guarded } from '../util/faults.ts'
import { waitFor } from '../util/timeout.ts'
import { clearTimer, setTimer } from '../util/timers.ts'
import { batchResult } from './batch-result.ts'
import { startDeadline } from './deadline.ts'
import { InvalidDelivery } from './delivery.ts'
import { exitPauseMs, resumeDeliveries, watchedForExit } from './exit-flush.ts'
import { errorSummary, isDeliveryError, resultOrAbort } from './final-error.ts'
import { createHealth } from './health.ts'
import { createPace } from './pace.ts'
import { countBeyond, type QueuedReport, type SinkQueueOptions } from './queued-report.ts'
import { DeliveryError, type Sink } from './sink.ts'
import { spilledOf } from './spilled.ts'
import { lossOf, newStats, type SinkStats } from './stats.ts'

const MAX_REPORT_FAILURES = 3

/** Creates a bounded queue before one sink: batches, retries with back-off, and drops the oldest reports when full. */
export function createSinkQueue(
  sink: Sink,
  { maxReports, maxBytes, warn, fault, onPending, onEmpty }: SinkQueueOptions,
) {
  const { name, batch = 100, start, lingerMs = 1_000, deadlineMs = 5_000 } = sink
  const pace = createPace({ maxReports: batch, start, deadlineMs })
  const stats = newStats()
  const health = createHealth(stats, (code, message) => log(code, message))
  /** Reports added since the start. */
  let accepted = 0
  /** Dropped and rejected counts at the last log line. */
  let [loggedDropped, loggedRejected] = [0, 0]
  let queue: QueuedReport[] = []
  /** Reports of the delivery in progress. */
  let inFlight: QueuedReport[] = []
  let bytes = 0
  let timer: NodeJS.Timeout | undefined
  let sending: Promise<boolean> | undefined
  let closing: Promise<void> | undefined
  const closed = new AbortController()
  /** Drains in progress after which the rest is dropped. */
  let lastDrains = 0
  /** Aborts the delivery in progress. */
  let abortDelivery: (why: string) => void = () => undefined

  function add(queued: QueuedReport) {
    queued.seq = accepted++
    if (stats.state === 'closed') return countMissed(CLOSED)
    if (stats.queued === 0) guarded(onPending, fault, name)
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
    if (stats.queued === 0) guarded(onEmpty, fault, name)
  }

  /** Its timer does not keep the process alive: the exit flush delivers the rest. */
  function schedule() {
    const full = queue.length >= pace.fullAt()
    if (timer !== undefined) {
      if (!full || health.retryAt() > performance.now()) return
      clearTimer(timer)
    }
    const pause = exitPauseMs()
    const ms = Math.max(full ? 0 : lingerMs, health.retryAt() - performance.now(), pause)
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
    const batch = queue.slice(0, queue[0]?.failures === undefined ? pace.size() : 1)
    const deadline = startDeadline(pace.deadlineMs(batch.length), name, fault)
    abortDelivery = deadline.abort
    const began = performance.now()
    queue = queue.slice(batch.length)
    inFlight = batch
    let phase: 'sending' | 'answered' | 'counted' = 'sending'
    try {
      const reports = batch.map((pending) => pending.report())
      const answer: unknown = await resultOrAbort(sink.deliver(reports, deadline.signal), deadline.signal)
      phase = 'answered'
      const { back, freedBytes, rejected, spilled, reason } = batchResult(batch, reports, answer)
      phase = 'counted'
      const done = batch.length - back.length
      queue = [...back, ...queue]
      bytes -= freedBytes
      stats.rejected += rejected
      stats.spilled += spilled
      stats.delivered += done - rejected - spilled
      settle(done)
      noteAnswer(done, rejected, reason)
      if (deadline.isOver()) pace.late(batch.length)
      else if (!deadline.signal.aborted) pace.answered(batch.length, performance.now() - began)
      return done > 0
    } catch (error) {
      if (phase === 'sending' || isInstance(error, InvalidDelivery)) {
        putBack(batch, error)
        const isLate = deadline.isOver() || performance.now() - began > pace.targetMs
        if (isDeliveryError(error) && isLate) pace.late(batch.length)
        failed(error)
        return false
      }
      fault(error, name)
      if (phase === 'answered') dropAnswered(batch)
      return phase === 'counted'
    } finally {
      inFlight = []
      deadline.end()
    }
  }

  /** Returns a batch to the queue that the sink has not answered, or not so that it can be counted. */
  function putBack(batch: QueuedReport[], error: unknown) {
    if (!isDeliveryError(error)) return retryAlone(batch, error)
    if (error.unsure) for (const pending of batch) pending.unsure = true
    queue = [...batch, ...queue]
  }

  /** Drops a batch whose answer was not counted because of a fault: sent again, it could arrive twice. */
  function dropAnswered(batch: QueuedReport[]) {
    for (const pending of batch) {
      pending.unsure = true
      bytes -= pending.bytes
    }
    drop(batch, 'a fault of the gateway')
  }

  /** Notes what the sink said of a batch of which `done` reports are not sent again. */
  function noteAnswer(done: number, rejected: number, reason: string | undefined) {
    if (reason !== undefined) {
      stats.lastError =
        rejected > 0 ? `${counted(stats.rejected, 'call is', 'calls are')} lost: ${reason}` : reason
      if (log('GW_SINK_ERROR', stats.lastError) && rejected > 0) loggedRejected = stats.rejected
    }
    if (done === 0) return failed(new DeliveryError(reason ?? 'nothing of a batch was taken'))
    health.recovered()
  }

  /** Drops what is left, and logs the final counts even if logged before. */
  function dropRest() {
    drop(queue.splice(0), CLOSED)
    if (stats.dropped > loggedDropped) warnLost(`${name} at the end`, CLOSED)
    if (stats.rejected > loggedRejected)
      log(
        'GW_SINK_REJECTED',
        `${counted(stats.rejected, 'call was', 'calls were')} rejected by the receiver, and ${stats.rejected === 1 ? 'is' : 'are'} lost`,
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

  const failed = (error: unknown) => health.failed(error, lastDrains > 0)

  const is = (state: SinkStats['state']) => stats.state === state

  /** Waits until a failing sink may be tried again; another failure makes that later. */
  async function backOff(giveUp = closed.signal) {
    const over = AbortSignal.any([giveUp, closed.signal])
    while (is('failing') && health.retryAt() > performance.now() && !over.aborted)
      await waitFor(health.retryAt() - performance.now(), over)
  }

  /**
   * Delivers all reports now, without waiting for a back-off. Resolves `true` if no report added before the call is
   * pending; `losses` tells whether any was lost. `isLast`: a failure is retried until the sink counts as down.
   */
  async function drain(isLast: boolean, giveUp?: AbortSignal): Promise<boolean> {
    const before = accepted
    if (isLast) lastDrains += 1
    const abort = () => abortDelivery('the program is ending')
    giveUp?.addEventListener('abort', abort, { once: true })
    try {
      if (sending !== undefined) await sending
      // Beside another last drain, this one must not use up the tries of both.
      if (lastDrains > 1) {
        await backOff(giveUp)
        if (is('down')) return false
      }
      while ([...queue, ...inFlight].some(({ seq = 0 }) => seq < before)) {
        if (giveUp?.aborted) return false
        if (await send()) continue
        if (!isLast || !is('failing')) return false
        await backOff(giveUp)
        if (is('down')) return false
      }
      return true
    } finally {
      if (isLast) lastDrains -= 1
      giveUp?.removeEventListener('abort', abort)
    }
  }

  /** Waits for the delivery in progress, so that all remaining reports count as dropped. */
  async function close() {
    stats.state = 'closed'
    closed.abort()
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
