import { clearTimer, setTimer } from './timers.ts'

/**
 * Waits for a promise no longer than its caller does; with `ms`, no longer than that either: then it is `undefined`.
 * @throws `signal.reason`, as it is, the moment the signal aborts.
 */
export function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T>
export function raceAbort<T>(promise: Promise<T>, signal: AbortSignal, ms: number): Promise<T | undefined>
export function raceAbort<T>(promise: Promise<T>, signal: AbortSignal, ms?: number): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    let timer: NodeJS.Timeout | undefined
    const settle = <V>(how: (value: V) => void) => {
      return (value: V) => {
        signal.removeEventListener('abort', onAbort)
        clearTimer(timer)
        how(value)
      }
    }
    const onAbort = () => settle(reject)(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    if (ms !== undefined) timer = setTimer(settle(resolve), ms, undefined).unref()
    promise.then(settle(resolve), settle(reject)).catch(reject)
  })
}

/** True when the promise settled within `ms`; its rejection counts as settled. */
export function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimer(resolve, ms, false)
    timer.unref()
    const done = () => {
      clearTimer(timer)
      resolve(true)
    }
    promise.then(done, done).catch(() => resolve(true))
  })
}
