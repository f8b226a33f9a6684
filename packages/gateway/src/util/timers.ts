import * as node from 'node:timers'

/** Longest delay of a Node timer, in milliseconds: a longer one would fire at once. */
export const LONGEST_MS = 2 ** 31 - 1

/** Clamps a delay to the range of a timer: `Infinity` and longer delays become 24.8 days. */
export const delayOf = (ms: number): number => (ms >= LONGEST_MS ? LONGEST_MS : ms > 0 ? ms : 0)

/** Returns a deadline that the program gave; `usual` where it is not a number of milliseconds. */
export const deadlineOf = (given: unknown, usual: number): number =>
  typeof given === 'number' && !Number.isNaN(given) ? given : usual

/**
 * Node's own timers and clock, captured before a test replaces them: deadlines of real connections, and of waits that the
 * program bounds, must pass while the time of a test stands still.
 */
export const realTimers = {
  setTimeout: node.setTimeout,
  clearTimeout: node.clearTimeout,
  setImmediate: node.setImmediate,
  /** Milliseconds of a monotonic clock. */
  now: performance.now.bind(performance),
}

/** The class of Node's own timers. Absent until the first use: Cloudflare Workers start no timer at import. */
let Timeout: (new () => NodeJS.Timeout) | undefined

function isNodes(timer: NodeJS.Timeout): boolean {
  if (Timeout === undefined) {
    const probe = realTimers.setTimeout(() => undefined, 0)
    realTimers.clearTimeout(probe)
    Timeout = probe.constructor as new () => NodeJS.Timeout
  }
  return timer instanceof Timeout
}

/**
 * `setTimeout` for any delay. If the environment replaced the timers by ones that cannot be unref'd (jsdom, happy-dom
 * and simple fakes return numbers), Node's own are used.
 */
export function setTimer<Args extends unknown[]>(
  task: (...args: Args) => unknown,
  ms: number,
  ...args: Args
): NodeJS.Timeout {
  const delay = delayOf(ms)
  const timer: unknown = setTimeout(task, delay, ...args)
  if (isTimer(timer)) return timer
  clearTimeout(timer as number)
  return realTimers.setTimeout(task, delay, ...args)
}

/** `setInterval`, in the same way. */
export function setRepeating<Args extends unknown[]>(
  task: (...args: Args) => unknown,
  ms: number,
  ...args: Args
): NodeJS.Timeout {
  const delay = delayOf(ms)
  const timer: unknown = setInterval(task, delay, ...args)
  if (isTimer(timer)) return timer
  clearInterval(timer as number)
  return node.setInterval(task, delay, ...args)
}

/** Clears a timer of either function, even if the environment's timers were replaced meanwhile. */
export function clearTimer(timer: NodeJS.Timeout | undefined): void {
  if (timer === undefined) return
  if (isNodes(timer)) realTimers.clearTimeout(timer)
  else clearTimeout(timer)
}

/** Node's `setImmediate`, which jsdom removes. */
export const setSoon = realTimers.setImmediate

/** Returns a signal that aborts after `ms` milliseconds and does not keep the process alive. */
export const signalAfter = (ms: number): AbortSignal => AbortSignal.timeout(Math.ceil(delayOf(ms)))

const isTimer = (timer: unknown): timer is NodeJS.Timeout =>
  typeof timer === 'object' &&
  timer !== null &&
  'ref' in timer &&
  'unref' in timer &&
  typeof timer.ref === 'function' &&
  typeof timer.unref === 'function'
