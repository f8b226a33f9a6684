import { clearTimer, delayOf, realTimers, setTimer } from './timers.ts'

/**
 * Waits for a promise until the signal aborts or, if given, `ms` have passed; the latter resolves with `undefined`. A
 * rejection of the promise after that, or of one passed with an aborted signal, is handled: it would end the process.
 * @throws `signal.reason`, unchanged, the moment the signal aborts.
 */
export function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T>
export function raceAbort<T>(promise: Promise<T>, signal: AbortSignal, ms: number): Promise<T | undefined>
export function raceAbort<T>(promise: Promise<T>, signal: AbortSignal, ms?: number): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      promise.catch(() => undefined)
      return reject(signal.reason)
    }
    let timer: NodeJS.Timeout | undefined
    const settle = <V>(settleWith: (value: V) => void) => {
      return (value: V) => {
        signal.removeEventListener('abort', onAbort)
        clearTimer(timer)
        settleWith(value)
      }
    }
    const onAbort = () => settle(reject)(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    if (ms !== undefined) timer = setTimer(settle(resolve), ms, undefined).unref()
    promise.then(settle(resolve), settle(reject)).catch(reject)
  })
}

/** Resolves `true` when the promise settled within `ms` of real time; a rejection counts as settled. */
export function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = realTimers.setTimeout(resolve, delayOf(ms), false)
    timer.unref()
    const done = () => {
      realTimers.clearTimeout(timer)
      resolve(true)
    }
    promise.then(done, done).catch(() => resolve(true))
  })
}

/** Waits in real time, until the signal aborts at the latest. Does not keep the process alive. */
export function waitFor(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = () => {
      realTimers.clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = realTimers.setTimeout(done, delayOf(ms))
    timer.unref()
    signal?.addEventListener('abort', done, { once: true })
  })
}
