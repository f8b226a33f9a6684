import { errorText } from './error-text.ts'
import type { Warn } from './log.ts'

/** Counts a fault of the gateway's own code and logs it. `where`: a fixed word for the place. Never throws. */
export type Fault = (error: unknown, where: string) => void

/** `stats().faults` counts each; the log has one line a minute for each place. */
export function createFault(counts: { faults: number }, say: Warn): Fault {
  return function fault(error, where) {
    counts.faults += 1
    try {
      say(`fault in ${where}`, `a fault of the gateway (${where}): ${errorText(error)}`)
    } catch {
      // A logger that throws must not turn one fault into two.
    }
  }
}

/** Runs `work`; a throw is reported and yields `undefined`. */
export function guarded<T>(work: () => T, fault: Fault, where: string): T | undefined {
  try {
    return work()
  } catch (error) {
    fault(error, where)
    return undefined
  }
}

/**
 * Calls a function that the program gave: hooks, masks, sinks, its console. What it throws goes to `failed`, and so does
 * what its promise rejects with, later on and even if nothing waits for it; `undefined` after a throw.
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

/** Lets `work` go on unawaited; a rejection is reported, never left unhandled. */
export function detached(work: Promise<unknown>, fault: Fault, where: string): void {
  work.catch((error: unknown) => fault(error, where))
}

/** Of a function that the event loop calls, for an event or a timer: the same, whose throws and rejections are reported. */
export const ignoreRejection =
  <Args extends unknown[]>(task: (...args: Args) => unknown, fault: Fault, where: string) =>
  (...args: Args): void =>
    attempt(() => task(...args), fault, where)

/**
 * Runs a deferred task; a throw or rejection is reported. `otherwise` is done in its place, for what must not be left
 * undone.
 */
export function attempt(task: () => unknown, fault: Fault, where: string, otherwise?: () => unknown): void {
  const failed = (error: unknown) => {
    fault(error, where)
    if (otherwise !== undefined) attempt(otherwise, fault, where)
  }
  try {
    const result = task()
    if (result instanceof Promise) result.catch(failed)
  } catch (error) {
    failed(error)
  }
}
