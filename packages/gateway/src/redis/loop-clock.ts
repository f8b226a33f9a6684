// Node's own: a test that fakes timers must not stop the clock of a connection that is real.
import { setImmediate, setTimeout } from 'node:timers'
import { attempt, type Fault } from '../faults.ts'

/** Milliseconds between two looks at what is due; a deadline is late by up to this. */
const TICK_MS = 10
/** A tick that comes later than this was kept waiting: the rest of it is the loop's own lag and does not count. */
const LONGEST_TICK_MS = 2 * TICK_MS

const CLOCK = 'the clock of Redis'

type Waiter = { due: number; expire: () => void }

/** Rejects a wait whose time was up. */
export class TooLate extends Error {}

/**
 * Counts milliseconds in which this process's event loop was free to read its sockets. A loop that is blocked (by CPU
 * work, garbage collection, SIGSTOP or a busy machine) lets timers fire before it reads a reply that has long arrived:
 * here, each tick first goes through the poll phase, and a late tick counts as one of ordinary length. One timer
 * serves all waits. It runs, and may keep the process alive, only while something is waited for.
 */
export function createLoopClock(fault: Fault) {
  const waiters = new Set<Waiter>()
  let elapsed = 0
  let last = 0
  let ticking = false
  let timer: NodeJS.Timeout | undefined
  let isHeld = true

  /** Timers run before the poll phase, immediates after it: by then, replies that had arrived have been read. */
  const tick = () => void setImmediate(attempt, look, fault, CLOCK, rearm)

  function look() {
    const now = performance.now()
    elapsed += Math.min(now - last, LONGEST_TICK_MS)
    last = now
    for (const waiter of waiters) if (elapsed >= waiter.due) waiter.expire()
    rearm()
  }

  function arm() {
    if (ticking) return
    timer = setTimeout(attempt, TICK_MS, tick, fault, CLOCK, rearm)
    ticking = true
    if (!isHeld) timer.unref()
  }

  /** After a fault as well: a clock that stands still would let waits last for ever. */
  function rearm() {
    ticking = false
    if (waiters.size > 0) arm()
  }

  function wait(waiter: Waiter) {
    waiters.add(waiter)
    if (!ticking) last = performance.now()
    arm()
  }

  return {
    /** Milliseconds of free loop so far; stands still while nothing is waited for. */
    now: () => elapsed,
    /** Whether waits keep the process alive, as they do at first. */
    keepAlive(does: boolean) {
      isHeld = does
      if (does) timer?.ref()
      else timer?.unref()
    },
    /**
     * @param onSettled Called when the promise settles, however late; with its error where it rejects.
     * @param left Milliseconds that are left once `ms` are over: above 0, the wait goes on for as long.
     * @throws TooLate when the promise has not settled after `ms` of free loop.
     */
    within<T>(
      promise: Promise<T>,
      ms: number,
      onSettled?: (error?: unknown) => void,
      left?: () => number,
    ): Promise<T> {
      const waited = Promise.withResolvers<T>()
      const waiter = {
        due: elapsed + ms,
        expire() {
          const more = left?.() ?? 0
          if (more > 0) waiter.due = elapsed + more
          else {
            waited.reject(new TooLate(`no answer within ${ms} ms`))
            waiters.delete(waiter)
          }
        },
      }
      const settled = (error?: unknown) => {
        waiters.delete(waiter)
        if (onSettled !== undefined) attempt(() => onSettled(error), fault, CLOCK)
      }
      promise
        .then(
          (value) => {
            waited.resolve(value)
            settled()
          },
          (error) => {
            waited.reject(error)
            settled(error)
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
