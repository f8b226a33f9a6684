import { realTimers } from '../util/timers.ts'

/** Creates a list of callers that wait for one event. */
export function createWaiters() {
  const waiting = new Set<() => void>()

  return {
    /** Resolves with the event, or after `ms` of real time. The timer keeps the process alive. */
    wait: (ms: number) =>
      new Promise<void>((resolve) => {
        const end = () => {
          realTimers.clearTimeout(timer)
          waiting.delete(end)
          resolve()
        }
        const timer = realTimers.setTimeout(end, ms)
        waiting.add(end)
      }),
    /** Resolves all promises. */
    release() {
      for (const end of [...waiting]) end()
    },
  }
}
