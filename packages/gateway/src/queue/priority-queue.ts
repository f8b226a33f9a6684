import type Bottleneck from 'bottleneck'
import { loadDependency } from '../util/load-package.ts'
import { clearTimer, setTimer } from '../util/timers.ts'

/**
 * Result of one attempt to get a slot: `in`: admitted; `out`: refused for good; `again`: retry at this time by
 * `performance.now()`.
 */
export type Answer =
  /** `slot`: occupies one of the concurrent places until it settles. */
  { type: 'in'; slot?: Promise<void> } | { type: 'out' } | { type: 'again'; at: number }

/** One waiting call. */
export type QueuedCall = {
  /** 0 goes first, 9 last. */
  priority: number
  signal: AbortSignal
  /** Time by `performance.now()` at which it gives up. */
  until: number
  tryAdmit: () => Promise<Answer>
  /** Reverts an admission whose caller had already left. */
  undo: () => void
}

/** `out`: refused for good, or timed out. `left`: its caller left. */
export type Outcome = 'in' | 'out' | 'left'

type Slot = {
  call: QueuedCall
  trying: boolean
  end: (outcome: Outcome) => boolean
  fail: (why: unknown) => void
}

/** A Bottleneck, and the number of scheduled jobs per priority. It exists while the queue is not empty. */
type Limiter = { bottleneck: Bottleneck; scheduled: number[] }

export type PriorityQueue = ReturnType<typeof createPriorityQueue>

const PRIORITIES = 10

/** Loaded on first use: most processes never need it, and by then a call has to wait anyway. */
let loading: Promise<typeof Bottleneck> | undefined
const load = () => {
  loading ??= loadDependency('bottleneck', 'default', () => import('bottleneck')).then(
    (module) => module.default,
  )
  return loading
}

/**
 * Creates a queue ordered by priority, then by arrival. Only the first call asks for admission; if refused, it keeps
 * its place and no call asks before the returned time. Bottleneck schedules the attempts, but cannot remove a job: so
 * a job is an attempt, not a call. It serves the first call still waiting, and a call that leaves is removed at once.
 */
export function createPriorityQueue(gauge: { waiting: number }, onEmpty: () => void) {
  const queues: Slot[][] = Array.from({ length: PRIORITIES }, () => [])
  let limiter: Limiter | undefined
  let concurrency = 1
  let serving = 0
  let pausedUntil = 0
  let resumeTimer: NodeJS.Timeout | undefined

  function wait(call: QueuedCall): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      if (call.signal.aborted) return resolve('left')
      const waiting = queueOf(call.priority)
      const slot: Slot = { call, trying: false, end, fail }
      // Not unref'd: the caller is waiting, so the process has to stay alive.
      const deadline = setTimer(expire, Math.max(0, call.until - performance.now()))
      call.signal.addEventListener('abort', leave, { once: true })
      waiting.push(slot)
      gauge.waiting += 1
      load().then((Limiter) => schedule(call.priority, Limiter), fail)

      function leave() {
        end('left')
      }
      function expire() {
        // The answer of an attempt in progress decides.
        if (!slot.trying) end('out')
      }
      function remove(): boolean {
        const at = waiting.indexOf(slot)
        if (at < 0) return false
        waiting.splice(at, 1)
        gauge.waiting -= 1
        clearTimer(deadline)
        call.signal.removeEventListener('abort', leave)
        releaseIfEmpty()
        return true
      }
      function end(outcome: Outcome): boolean {
        const present = remove()
        if (present) resolve(outcome)
        return present
      }
      function fail(why: unknown) {
        if (remove()) reject(why)
      }
    })
  }

  /**
   * Schedules a few attempts per priority with waiting calls: each costs Bottleneck a millisecond, but one must be
   * ready when the one before it ends, or a lower priority would go first.
   */
  function schedule(priority: number, Limiter: typeof Bottleneck) {
    const waiting = queueOf(priority).filter(({ trying: asking }) => !asking).length
    if (waiting === 0) return
    if (limiter === undefined) {
      const paused = pausedUntil > performance.now()
      limiter = {
        bottleneck: new Limiter({ maxConcurrent: concurrency, reservoir: paused ? 0 : null }),
        scheduled: Array.from({ length: PRIORITIES }, () => 0),
      }
      if (paused) void pauseUntil(pausedUntil)
    }
    const own = limiter
    while ((own.scheduled[priority] ?? 0) < Math.min(waiting, 2 * concurrency)) {
      own.scheduled[priority] = (own.scheduled[priority] ?? 0) + 1
      own.bottleneck.schedule({ priority }, serveNext, own, priority, Limiter).catch(() => undefined)
    }
  }

  async function serveNext(own: Limiter, priority: number, Limiter: typeof Bottleneck): Promise<void> {
    own.scheduled[priority] = (own.scheduled[priority] ?? 1) - 1
    const slot = limiter === own ? queueOf(priority).find(({ trying: asking }) => !asking) : undefined
    if (slot === undefined) return
    serving += 1
    slot.trying = true
    schedule(priority, Limiter)
    try {
      const answer = await slot.call.tryAdmit()
      slot.trying = false
      if (answer.type === 'out') slot.end('out')
      else if (answer.type === 'again') {
        if (slot.call.until <= performance.now()) slot.end('out')
        await pauseUntil(answer.at)
        schedule(priority, Limiter)
      } else if (slot.end('in')) await answer.slot
      else slot.call.undo()
    } catch (why) {
      slot.fail(why)
    } finally {
      serving -= 1
      releaseIfEmpty()
    }
  }

  /** Pauses all attempts until this time; a time in the past ends the pause. */
  async function pauseUntil(moment: number): Promise<void> {
    pausedUntil = moment
    clearTimer(resumeTimer)
    if (limiter === undefined) return
    const ms = moment - performance.now()
    if (ms > 0) {
      resumeTimer = setTimer(pauseUntil, ms, 0)
      resumeTimer.unref()
    }
    await limiter.bottleneck.updateSettings({ reservoir: ms > 0 ? 0 : null })
  }

  function releaseIfEmpty() {
    if (!isEmpty()) return
    clearTimer(resumeTimer)
    limiter = undefined
    onEmpty()
  }

  const queueOf = (priority: number): Slot[] => queues[priority] ?? []
  const isEmpty = () => serving === 0 && queues.every(({ length }) => length === 0)

  return {
    wait,
    pauseUntil,
    pausedUntil: () => pausedUntil,
    /** Sets the number of concurrent attempts. */
    setConcurrency(to: number) {
      concurrency = to
      void limiter?.bottleneck.updateSettings({ maxConcurrent: to })
    },
    /** Whether a call of this priority, or a higher one, is waiting. */
    isBefore: (priority: number) => queues.some((waiting, at) => at <= priority && waiting.length > 0),
    size: () => queues.reduce((sum, { length }) => sum + length, 0),
    isEmpty,
  }
}
