import { clearTimer, setTimer } from '../util/timers.ts'

/** Creates a list of callers that wait for one event. */
export function createWaiters() {
  const waiting = new Set<() => void>()

  return {
    /** Resolves with the event, or after `ms`. The timer keeps the process alive. */
    wait: (ms: number) =>
      new Promise<void>((resolve) => {
        const end = () => {
          clearTimer(timer)
          waiting.delete(end)
          resolve()
        }
        const timer = setTimer(end, ms)
        waiting.add(end)
      }),
    /** Resolves all promises. */
    release() {
      for (const end of [...waiting]) end()
    },
  }
}
