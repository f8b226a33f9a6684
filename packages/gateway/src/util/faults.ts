import type { LimitedLog } from '../core/log-codes.ts'
import { errorText } from './error-text.ts'

/** Counts a fault of the gateway's own code and logs it. `where`: a fixed word for the place. Never throws. */
export type Fault = (error: unknown, where: string) => void

/** Creates the reporter. `stats().faults` counts each fault; the log has one line a minute for each place. */
export function createFault(counts: { faults: number }, warn: LimitedLog): Fault {
  return function fault(error, where) {
    counts.faults += 1
    try {
      warn('GW_FAULT', `a fault of the gateway (${where}): ${errorText(error)}`, where)
    } catch {
      // A logger that throws must not turn one fault into two.
    }
  }
}

/** Runs `work`; reports a throw and returns `undefined`. */
export function guarded<T>(work: () => T, fault: Fault, where: string): T | undefined {
  try {
    return work()
  } catch (error) {
    fault(error, where)
    return undefined
  }
}

/**
 * Calls a function that the program gave: hooks, masks, sinks, its console. Passes what it throws to `failed`, and
 * what its promise rejects with, even if nothing awaits it. Returns `undefined` after a throw.
 */
export function callHook<T>(hook: () => T, failed: (error: unknown) => void): T | undefined {
  try {
    const result = hook()
    if (isThenable(result)) Promise.resolve(result).then(undefined, failed)
    return result
  } catch (error) {
    failed(error)
    return undefined
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value

/** Lets `work` run unawaited; reports a rejection instead of leaving it unhandled. */
export function detached(work: Promise<unknown>, fault: Fault, where: string): void {
  work.catch((error: unknown) => fault(error, where))
}

/** Returns the promise, whose error is then never unhandled, even if a fault keeps its waiter from it. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}

/** Wraps a listener of the event loop, for an event or a timer, so that its throws and rejections are reported. */
export const ignoreRejection =
  <Args extends unknown[]>(task: (...args: Args) => unknown, fault: Fault, where: string) =>
  (...args: Args): void =>
    attempt(() => task(...args), fault, where)

/**
 * Runs a deferred task; reports a throw or rejection and then runs `otherwise`, for work that must not be left
 * undone.
 */
export function attempt(task: () => unknown, fault: Fault, where: string, otherwise?: () => unknown): void {
  try {
    const result = task()
    if (result instanceof Promise) result.catch((error: unknown) => failed(error, fault, where, otherwise))
  } catch (error) {
    failed(error, fault, where, otherwise)
  }
}

function failed(error: unknown, fault: Fault, where: string, otherwise: (() => unknown) | undefined): void {
  fault(error, where)
  if (otherwise !== undefined) attempt(otherwise, fault, where)
}
