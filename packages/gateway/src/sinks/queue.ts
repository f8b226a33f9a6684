import { attempt, callHook, type Fault, guarded } from '../util/faults.ts'
import type { Warn } from '../util/log.ts'
import { clearTimer, setTimer } from '../util/timers.ts'
import { type CheckedDelivery, checkedDelivery } from './delivery.ts'
import { goesOn, pauseMs, whileAlive } from './exit-flush.ts'
import { finalErrorOf, isDeliveryError, wordsOf } from './final-error.ts'
import { backoffMs, createPace } from './pace.ts'
import type { QueuedReport } from './queued-report.ts'
import { DeliveryError, type Report, type Sink } from './sink.ts'
import { spilledOf } from './spilled.ts'
import { lossOf, newStats, type SinkStats } from './stats.ts'

type Options = {
  /** Reports kept at most; the oldest give way. */
  maxReports: number
  /** Bytes they may hold on to at most, about. */
  maxBytes: number
  say: Warn
  fault: Fault
  /** Told when there is something to lose, and when there is not. */
  holding: (holds: boolean) => void
}

/** So many failures in a row, and nobody waits for this sink any more. */
const STRIKES = 4
const MAX_SUSPICION = 3

/** A bounded queue before one sink: batches, retries ever more patiently, drops the oldest rather than grow. */
export function createSinkQueue(sink: Sink, { maxReports, maxBytes, say, fault, holding }: Options) {
  const { name, batch = 100, start, lingerMs = 1_000, deadlineMs = 5_000 } = sink
  const pace = createPace({ most: batch, start, deadlineMs })
  const stats = newStats()
  /** Ever added. */
  let accepted = 0
  /** Dropped, and refused, when it was last said how many. */
  let [told, toldRefused] = [0, 0]
  let queue: QueuedReport[] = []
  /** On their way. */
  let carried: QueuedReport[] = []
  let bytes = 0
  let timer: NodeJS.Timeout | undefined
  let notBefore = 0
  let strikes = 0
  let sending: Promise<boolean> | undefined
  let closing: Promise<void> | undefined
  /** Ends the delivery under way. */
  let cut: (why: string) => void = () => undefined

  function add(pending: QueuedReport) {
    pending.seq = accepted++
    if (stats.state === 'closed') return missed(CLOSED)
    if (stats.queued === 0) guarded(() => holding(true), fault, name)
    queue.push(pending)
    bytes += pending.bytes
    stats.queued += 1
    if (queue.length > maxReports || bytes > maxBytes) makeRoom()
    if (sending === undefined) schedule()
  }

  /** An eighth at a time: a full queue is not shifted for every report. */
  function makeRoom() {
    let gone = 0
    while (
      gone < queue.length - 1 &&
      (queue.length - gone > maxReports * 0.875 || bytes > maxBytes * 0.875)
    ) {
      bytes -= queue[gone]?.bytes ?? 0
      gone += 1
    }
    lose(queue.splice(0, gone), `more than ${maxReports} calls or ${maxBytes} bytes are waiting`)
  }

  function lose(gone: QueuedReport[], why: string) {
    if (gone.length === 0) return
    stats.dropped += gone.length
    stats.unconfirmed += gone.filter(({ unsure }) => unsure).length
    settle(gone.length)
    sayLost(`${name} lost`, why)
  }

  function missed(why: string) {
    stats.dropped += 1
    sayLost(`${name} lost`, why)
  }

  function sayLost(kind: string, why: string) {
    if (say(kind, `${name}: ${lossOf(stats, why)}`)) told = stats.dropped
  }

  function settle(count: number) {
    stats.queued -= count
    if (stats.queued === 0) guarded(() => holding(false), fault, name)
  }

  /** Timers keep no program alive; whoever ends one drains first. */
  function schedule() {
    const full = queue.length >= pace.full()
    if (timer !== undefined) {
      if (!full || notBefore > performance.now()) return
      clearTimer(timer)
    }
    const pause = pauseMs()
    const ms = Math.max(full ? 0 : lingerMs, notBefore - performance.now(), pause)
    const due = () => {
      timer = undefined
      if (pauseMs() > pause) return schedule()
      goesOn()
      void send()
    }
    timer = setTimer(attempt, ms, due, fault, name, send).unref()
  }

  /** False: nothing was delivered, and not for want of reports. Once closed, no delivery begins. */
  function send(): Promise<boolean> {
    clearTimer(timer)
    timer = undefined
    if (sending === undefined && stats.state === 'closed') return Promise.resolve(false)
    sending ??= whileAlive(deliver)
      .finally(() => {
        sending = undefined
        if (queue.length > 0 && stats.state !== 'closed') schedule()
      })
      // After a fault it is not under way for ever.
      .catch(() => {
        sending = undefined
        return false
      })
    return sending
  }

  async function deliver(): Promise<boolean> {
    if (queue.length === 0) return true
    // A report that may be at fault goes alone.
    const due = queue.slice(0, queue[0]?.suspicion === undefined ? pace.size() : 1)
    const held = due.reduce((sum, each) => sum + each.bytes, 0)
    const abort = new AbortController()
    cut = (why) => abort.abort(new DeliveryError(why, { unsure: true }))
    const deadline = pace.deadlineMs(due.length)
    let expired = false
    const expire = () => {
      expired = true
      cut(`no answer within ${deadline} ms`)
    }
    const timeout = setTimer(attempt, deadline, expire, fault, name, expire)
    timeout.unref()
    const began = performance.now()
    queue = queue.slice(due.length)
    carried = due
    try {
      const reports = due.map((pending) => pending.report())
      const answer: unknown = await finalErrorOf(sink.deliver(reports, abort.signal), abort.signal)
      const delivery = checkedDelivery(answer, reports)
      const isCut = abort.signal.aborted
      bytes -= held
      // What the sink has taken is never given to it again, whatever becomes of the books.
      let isCounted = false
      const counted = () => {
        isCounted = true
      }
      const counting = count.bind(undefined, due, reports, delivery, counted)
      attempt(counting, fault, name, () => void (isCounted || unaccounted(due)))
      guarded(
        () => {
          if (expired) pace.late(due.length)
          else if (!isCut) pace.answered(due.length, performance.now() - began)
        },
        fault,
        name,
      )
      return delivery.retry.size < due.length
    } catch (error) {
      if (isDeliveryError(error)) {
        if (error.unsure) for (const pending of due) pending.unsure = true
        queue = [...due, ...queue]
        if (expired || performance.now() - began > pace.targetMs) pace.late(due.length)
      } else suspect(due, error)
      failed(error)
      return false
    } finally {
      carried = []
      clearTimer(timeout)
    }
  }

  /** Says the last of what is lost, however often it was said before. */
  function giveUp() {
    lose(queue.splice(0), CLOSED)
    if (stats.dropped > told) sayLost(`${name} lost in the end`, CLOSED)
    if (stats.rejected > toldRefused)
      say(`${name} refused in the end`, `${name}: ${stats.rejected} calls were refused, and are lost`)
  }

  function suspect(due: QueuedReport[], error: unknown) {
    for (const pending of due) pending.suspicion = (pending.suspicion ?? 0) + 1
    const guilty = due.filter(({ suspicion = 0 }) => suspicion >= MAX_SUSPICION)
    queue = [...due.filter((pending) => !guilty.includes(pending)), ...queue]
    if (guilty.length === 0) return
    for (const pending of guilty) bytes -= pending.bytes
    stats.rejected += guilty.length
    settle(guilty.length)
    say(`${name} wrong`, `${name}: a call could not be written down: ${wordsOf(error)}`)
  }

  /** A fault kept what was delivered from being counted. */
  function unaccounted(due: QueuedReport[]) {
    for (const pending of due) pending.unsure = true
    lose(due, 'a fault of the gateway')
  }

  function count(
    due: QueuedReport[],
    reports: readonly Report[],
    { retry: again, unsure, rejected: refused, spilled, reason: trouble }: CheckedDelivery,
    counted: () => void,
  ) {
    const back = due.filter((_, at) => again.has(reports[at] as Report))
    due.forEach((pending, at) => {
      if (unsure.has(reports[at] as Report)) pending.unsure = true
    })
    const heldAgain = back.reduce((sum, each) => sum + each.bytes, 0)
    counted()
    queue = [...back, ...queue]
    bytes += heldAgain
    stats.rejected += refused
    stats.spilled += spilled
    stats.delivered += due.length - back.length - refused - spilled
    settle(due.length - back.length)
    if (trouble !== undefined) {
      stats.lastError = refused > 0 ? `${stats.rejected} calls are lost: ${trouble}` : trouble
      if (say(`${name} trouble`, `${name}: ${stats.lastError}`) && refused > 0) toldRefused = stats.rejected
    }
    if (back.length === due.length)
      return failed(new DeliveryError(trouble ?? 'nothing of a batch was taken'))
    if (strikes >= STRIKES) say(`${name} back`, `${name} takes records again.`)
    strikes = 0
    notBefore = 0
    if (stats.state !== 'closed') stats.state = 'up'
  }

  function failed(error: unknown) {
    strikes += 1
    stats.failures += 1
    stats.lastError = wordsOf(error)
    notBefore =
      performance.now() + backoffMs(strikes, isDeliveryError(error) ? error.retryAfterMs : undefined)
    if (stats.state === 'closed') return
    stats.state = strikes >= STRIKES ? 'down' : 'failing'
    if (strikes === STRIKES)
      say(`${name} down`, `${name} takes no records: ${stats.lastError}. They are kept here, as many as fit.`)
  }

  /**
   * Delivers what is there, without waiting out a pause. True: nothing that was added until now waits any more. What
   * became of it, `losses` tells.
   */
  async function drain(giveUp?: AbortSignal): Promise<boolean> {
    const before = accepted
    const letGo = () => cut('the program is ending')
    giveUp?.addEventListener('abort', letGo, { once: true })
    try {
      if (sending !== undefined) await sending
      while ([...queue, ...carried].some(({ seq = 0 }) => seq < before))
        if (giveUp?.aborted || !(await send())) return false
      return true
    } finally {
      giveUp?.removeEventListener('abort', letGo)
    }
  }

  /** What is on its way comes back first, so that all that is left is counted as lost. */
  async function close() {
    stats.state = 'closed'
    clearTimer(timer)
    cut(CLOSED)
    await sending
    giveUp()
    await callHook(
      () => sink.close?.(),
      (error) => say(`${name} close`, `${name} could not be closed: ${wordsOf(error)}`),
    )
  }

  return {
    name,
    add,
    drain,
    /** Counts a report that could not be made. */
    missed: () => missed('a record could not be rendered'),
    /** Reports refused and dropped so far. */
    losses: () => stats.rejected + stats.dropped,
    close: () => (closing ??= close()),
    stats(): SinkStats {
      const spill = spilledOf(sink, (error) => say(`${name} spill`, `${name}: spill(): ${wordsOf(error)}`))
      return { ...stats, ...(spill && { spill }) }
    },
  }
}

const CLOSED = 'the gateway was closed'
