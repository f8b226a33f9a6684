import { attempt, type Fault } from '../util/faults.ts'
import { realTimers } from '../util/timers.ts'
import { withResolvers } from '../util/with-resolvers.ts'

/** Milliseconds between two checks of what is due; a deadline is late by up to this. */
const TICK_MS = 10
/** A tick later than this was delayed by the event loop: the excess is not counted. */
const MAX_TICK_MS = 2 * TICK_MS

const CLOCK = 'the clock of Redis'

type Waiter = { due: number; expire: () => void }

/** Rejects a wait whose deadline passed. */
export class DeadlineExceeded extends Error {}

/**
 * Counts milliseconds in which this process's event loop was free to read its sockets. A blocked loop (CPU work,
 * garbage collection, SIGSTOP, a busy machine) lets timers fire before it reads a reply that arrived long ago. Here
 * each tick first passes the poll phase, and a late tick counts as one of ordinary length. One timer serves all
 * waits. It runs, and may keep the process alive, only while a wait is pending.
 */
export function createLoopClock(fault: Fault) {
  const waiters = new Set<Waiter>()
  let elapsed = 0
  let last = 0
  let ticking = false
  let timer: NodeJS.Timeout | undefined
  let isHeld = true

  /** Timers run before the poll phase, immediates after it: by then, replies that had arrived have been read. */
  const tick = () => void realTimers.setImmediate(attempt, checkDue, fault, CLOCK, rearm)

  function checkDue() {
    const now = realTimers.now()
    elapsed += Math.min(now - last, MAX_TICK_MS)
    last = now
    for (const waiter of waiters) if (elapsed >= waiter.due) waiter.expire()
    rearm()
  }

  function arm() {
    if (ticking) return
    timer = realTimers.setTimeout(attempt, TICK_MS, tick, fault, CLOCK, rearm)
    ticking = true
    if (!isHeld) timer.unref()
  }

  /** Runs after a fault as well: a stopped clock would let waits last for ever. */
  function rearm() {
    ticking = false
    if (waiters.size > 0) arm()
  }

  function wait(waiter: Waiter) {
    waiters.add(waiter)
    if (!ticking) last = realTimers.now()
    arm()
  }

  return {
    /** Milliseconds of free loop since the start; stops while nothing is waited for. */
    now: () => elapsed,
    /** Sets whether waits keep the process alive. @default true */
    keepAlive(does: boolean) {
      isHeld = does
      if (does) timer?.ref()
      else timer?.unref()
    },
    /**
     * @param onSettled Called when the promise settles, however late; with its error if it rejects.
     * @param left Returns the milliseconds left once `ms` are over: above 0, the wait goes on for that time.
     * @throws DeadlineExceeded when the promise has not settled after `ms` of free loop.
     */
    within<T>(
      promise: Promise<T>,
      ms: number,
      onSettled?: (error?: unknown) => void,
      left?: () => number,
    ): Promise<T> {
      const waited = withResolvers<T>()
      const waiter = {
        due: elapsed + ms,
        expire() {
          const more = left?.() ?? 0
          if (more > 0) waiter.due = elapsed + more
          else {
            waited.reject(new DeadlineExceeded(`no answer within ${ms} ms`))
            waiters.delete(waiter)
          }
        },
      }
      const onSettle = (error?: unknown) => {
        waiters.delete(waiter)
        if (onSettled !== undefined) attempt(() => onSettled(error), fault, CLOCK)
      }
      promise
        .then(
          (value) => {
            waited.resolve(value)
            onSettle()
          },
          (error) => {
            waited.reject(error)
            onSettle(error)
          },
        )
        .catch(waited.reject)
      try {
        wait(waiter)
      } catch (error) {
        waiters.delete(waiter)
        waited.reject(error)
      }
      return waited.promise
    },
  }
}
