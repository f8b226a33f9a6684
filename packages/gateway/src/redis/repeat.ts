import { isInstance } from '../util/error-text.ts'
import { attempt, type Fault } from '../util/faults.ts'
import { clearTimer, setTimer } from '../util/timers.ts'
import { RedisUnavailable } from './connection.ts'

/** Milliseconds between two attempts. */
const RETRY_MS = 1_000

/** Work beyond this number is given up, the oldest first. */
const MAX_PENDING = 1_000

/**
 * Runs work that Redis has to carry out, and repeats it while Redis is unavailable, until it has. The timer does not keep
 * the process alive.
 */
export function createRepeater(fault: Fault) {
  const pending = new Map<string, () => Promise<unknown>>()
  let timer: NodeJS.Timeout | undefined

  /** @throws an error reply of Redis: repeating would bring another. */
  async function run(name: string, work: () => Promise<unknown>): Promise<void> {
    pending.delete(name)
    try {
      await work()
    } catch (error) {
      if (!isInstance(error, RedisUnavailable)) throw error
      pending.set(name, work)
      const [oldest = ''] = pending.keys()
      if (pending.size > MAX_PENDING) pending.delete(oldest)
      repeatLater()
    }
  }

  function repeatLater() {
    if (timer !== undefined) return
    timer = setTimer(attempt, RETRY_MS, repeat, fault, 'repeated work')
    timer.unref()
  }

  async function repeat() {
    timer = undefined
    for (const [name, work] of [...pending]) {
      await run(name, work)
      if (pending.has(name)) return
    }
  }

  return {
    run,
    close() {
      clearTimer(timer)
      timer = undefined
      pending.clear()
    },
  }
}
