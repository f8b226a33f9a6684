import type Bottleneck from 'bottleneck'
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
  ask: () => Promise<Answer>
  /** Reverts an admission whose caller had already left. */
  undo: () => void
}

/** `out`: refused for good, or timed out. `left`: its caller left. */
export type Outcome = 'in' | 'out' | 'left'

type Slot = {
  place: QueuedCall
  asking: boolean
  end: (outcome: Outcome) => boolean
  fail: (why: unknown) => void
}

/** A Bottleneck, and the number of scheduled jobs per priority. It exists while the queue is not empty. */
type Crew = { limiter: Bottleneck; turns: number[] }

export type PriorityQueue = ReturnType<typeof createPriorityQueue>

const PRIORITIES = 10

/** Loaded on first use: most processes never need it, and by then a call has to wait anyway. */
let loading: Promise<typeof Bottleneck> | undefined
const load = () => {
  loading ??= import('bottleneck').then((module) => module.default)
  return loading
}

/**
 * Creates a queue ordered by priority, then by arrival. Only the first call asks for admission; if refused, it keeps
 * its place and no call asks before the returned time. Bottleneck schedules the attempts, but cannot remove a job: so
 * a job is an attempt, not a call. It serves the first call still waiting, and a call that leaves is removed at once.
 */
export function createPriorityQueue(gauge: { waiting: number }, onEmpty: () => void) {
  const lanes: Slot[][] = Array.from({ length: PRIORITIES }, () => [])
  let crew: Crew | undefined
  let width = 1
  let serving = 0
  let pausedUntil = 0
  let reopening: NodeJS.Timeout | undefined

  function wait(place: QueuedCall): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      if (place.signal.aborted) return resolve('left')
      const lane = laneOf(place.priority)
      const seat: Slot = { place, asking: false, end, fail }
      // Not unref'd: the caller is waiting, so the process has to stay alive.
      const deadline = setTimer(tooLate, Math.max(0, place.until - performance.now()))
      place.signal.addEventListener('abort', leave, { once: true })
      lane.push(seat)
      gauge.waiting += 1
      load().then((Limiter) => schedule(place.priority, Limiter), fail)

      function leave() {
        end('left')
      }
      function tooLate() {
        // The answer of an attempt in progress decides.
        if (!seat.asking) end('out')
      }
      function vacate(): boolean {
        const at = lane.indexOf(seat)
        if (at < 0) return false
        lane.splice(at, 1)
        gauge.waiting -= 1
        clearTimer(deadline)
        place.signal.removeEventListener('abort', leave)
        tidy()
        return true
      }
      function end(outcome: Outcome): boolean {
        const present = vacate()
        if (present) resolve(outcome)
        return present
      }
      function fail(why: unknown) {
        if (vacate()) reject(why)
      }
    })
  }

  /**
   * Schedules a few attempts per priority with waiting calls: each costs Bottleneck a millisecond, but one must be
   * ready when the one before it ends, or a lower priority would go first.
   */
  function schedule(priority: number, Limiter: typeof Bottleneck) {
    const waiting = laneOf(priority).filter(({ asking }) => !asking).length
    if (waiting === 0) return
    if (crew === undefined) {
      const paused = pausedUntil > performance.now()
      crew = {
        limiter: new Limiter({ maxConcurrent: width, reservoir: paused ? 0 : null }),
        turns: Array.from({ length: PRIORITIES }, () => 0),
      }
      if (paused) void pauseUntil(pausedUntil)
    }
    const own = crew
    while ((own.turns[priority] ?? 0) < Math.min(waiting, 2 * width)) {
      own.turns[priority] = (own.turns[priority] ?? 0) + 1
      own.limiter.schedule({ priority }, turn, own, priority, Limiter).catch(() => undefined)
    }
  }

  async function turn(own: Crew, priority: number, Limiter: typeof Bottleneck): Promise<void> {
    own.turns[priority] = (own.turns[priority] ?? 1) - 1
    const seat = crew === own ? laneOf(priority).find(({ asking }) => !asking) : undefined
    if (seat === undefined) return
    serving += 1
    seat.asking = true
    schedule(priority, Limiter)
    try {
      const answer = await seat.place.ask()
      seat.asking = false
      if (answer.type === 'out') seat.end('out')
      else if (answer.type === 'again') {
        if (seat.place.until <= performance.now()) seat.end('out')
        await pauseUntil(answer.at)
        schedule(priority, Limiter)
      } else if (seat.end('in')) await answer.slot
      else seat.place.undo()
    } catch (why) {
      seat.fail(why)
    } finally {
      serving -= 1
      tidy()
    }
  }

  /** Pauses all attempts until this time; a time in the past ends the pause. */
  async function pauseUntil(moment: number): Promise<void> {
    pausedUntil = moment
    clearTimer(reopening)
    if (crew === undefined) return
    const ms = moment - performance.now()
    if (ms > 0) {
      reopening = setTimer(pauseUntil, ms, 0)
      reopening.unref()
    }
    await crew.limiter.updateSettings({ reservoir: ms > 0 ? 0 : null })
  }

  function tidy() {
    if (!isEmpty()) return
    clearTimer(reopening)
    crew = undefined
    onEmpty()
  }

  const laneOf = (priority: number): Slot[] => lanes[priority] ?? []
  const isEmpty = () => serving === 0 && lanes.every(({ length }) => length === 0)

  return {
    wait,
    pauseUntil,
    pausedUntil: () => pausedUntil,
    /** Sets the number of concurrent attempts. */
    widen(to: number) {
      width = to
      void crew?.limiter.updateSettings({ maxConcurrent: to })
    },
    /** Whether a call of this priority, or a higher one, is waiting. */
    isBefore: (priority: number) => lanes.some((lane, at) => at <= priority && lane.length > 0),
    size: () => lanes.reduce((sum, { length }) => sum + length, 0),
    isEmpty,
  }
}
