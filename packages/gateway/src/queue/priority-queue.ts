import type Bottleneck from 'bottleneck'
import { clearTimer, setTimer } from '../util/timers.ts'

/** What an ask came to: in; not at all; or worth repeating at a moment of `performance.now()`. */
export type Answer =
  /** `slot`: the place of one of those who go at a time is taken until this settles. */
  { type: 'in'; slot?: Promise<void> } | { type: 'out' } | { type: 'again'; at: number }

/** One call in line. */
export type QueuedCall = {
  /** 0 goes first, 9 last. */
  priority: number
  signal: AbortSignal
  /** The moment of `performance.now()` at which it gives up. */
  until: number
  ask: () => Promise<Answer>
  /** Takes back what the last ask brought: the caller had left by then. */
  undo: () => void
}

/** `out`: refused for good, or too late. `left`: its caller went away. */
export type Outcome = 'in' | 'out' | 'left'

type Slot = {
  place: QueuedCall
  asking: boolean
  end: (outcome: Outcome) => boolean
  fail: (why: unknown) => void
}

/** A Bottleneck, and how many turns of each priority are waiting in it. It lives while anybody is in line. */
type Crew = { limiter: Bottleneck; turns: number[] }

export type PriorityQueue = ReturnType<typeof createPriorityQueue>

const PRIORITIES = 10

/** Most processes never need it; those that do need it when a call has to wait anyway. */
let loading: Promise<typeof Bottleneck> | undefined
const load = () => {
  loading ??= import('bottleneck').then((module) => module.default)
  return loading
}

/**
 * Calls waiting for one thing, first by priority, then by arrival. Whoever is first asks for it while the others stand
 * behind; refused, it keeps its place, and nobody asks until the moment it was told.
 *
 * Bottleneck says when and how many at a time, by priority. It cannot take a job back, so what is scheduled in it is a
 * turn, not a call: a turn is taken by the first who is still there, and a caller that leaves is gone at once.
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
      // Not unref'd: the caller is waiting, and its process has to stay for it.
      const deadline = setTimer(tooLate, Math.max(0, place.until - performance.now()))
      place.signal.addEventListener('abort', leave, { once: true })
      lane.push(seat)
      gauge.waiting += 1
      load().then((Limiter) => schedule(place.priority, Limiter), fail)

      function leave() {
        end('left')
      }
      function tooLate() {
        // An answer that is on its way decides.
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
   * A few turns for each priority that has somebody waiting: Bottleneck takes a millisecond for each that it is given,
   * and one must be there when the one before it ends, or a lower priority would slip in.
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

  /** Nobody's turn comes before that moment; one that has passed ends the pause. */
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
    /** How many may have their turn at a time. */
    widen(to: number) {
      width = to
      void crew?.limiter.updateSettings({ maxConcurrent: to })
    },
    /** Somebody of this priority, or a higher one, is waiting. */
    isBefore: (priority: number) => lanes.some((lane, at) => at <= priority && lane.length > 0),
    size: () => lanes.reduce((sum, { length }) => sum + length, 0),
    isEmpty,
  }
}
