import * as node from 'node:timers'

/** Longest delay that a timer of Node can hold, in milliseconds: a longer one would fire at once. */
export const LONGEST_MS = 2 ** 31 - 1

/** A delay as a timer can hold it: `Infinity` and all that is too long become 24.8 days, which no wait outlasts. */
export const delayOf = (ms: number): number => (ms >= LONGEST_MS ? LONGEST_MS : ms > 0 ? ms : 0)

/** A deadline that a program gave; `usual` where it is no number of milliseconds. */
export const deadlineOf = (given: unknown, usual: number): number =>
  typeof given === 'number' && !Number.isNaN(given) ? given : usual

const probe = node.setTimeout(() => undefined, 0)
node.clearTimeout(probe)
/** The class of Node's own timers. */
const Timeout = probe.constructor as new () => NodeJS.Timeout

/**
 * `setTimeout` for any delay. Where the environment's timers are none of Node's make and cannot be unref'd (jsdom,
 * happy-dom and simple fakes give numbers), Node's own are used.
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
  return node.setTimeout(task, delay, ...args)
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

/** Ends a timer of either function, even if the environment's have been exchanged meanwhile. */
export function clearTimer(timer: NodeJS.Timeout | undefined): void {
  if (timer === undefined) return
  if (timer instanceof Timeout) node.clearTimeout(timer)
  else clearTimeout(timer)
}

/** `setImmediate` of Node, which jsdom takes away. */
export const setSoon = node.setImmediate

/** A signal that aborts after so many milliseconds, and keeps no program alive. */
export const signalAfter = (ms: number): AbortSignal => AbortSignal.timeout(Math.ceil(delayOf(ms)))

const isTimer = (timer: unknown): timer is NodeJS.Timeout =>
  typeof timer === 'object' &&
  timer !== null &&
  'ref' in timer &&
  'unref' in timer &&
  typeof timer.ref === 'function' &&
  typeof timer.unref === 'function'
