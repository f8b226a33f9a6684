import { createHook } from 'node:async_hooks'

/** What one call creates, on average: counts that hardly depend on the machine or on what else it does. */
export type Objects = { promises: number; timers: number; bytes: number }

const TIMERS = new Set(['Timeout', 'Immediate'])

/**
 * Counts what `call` creates. Promises and timers are counted while calls run one after another; bytes of the heap in a second
 * pass, since the count itself needs some.
 * @param rest Runs after each call, and is counted, too: what the call has put off.
 */
export async function countObjects(
  call: () => Promise<unknown>,
  calls: number,
  rest: () => Promise<unknown>,
): Promise<Objects> {
  let [promises, timers] = [0, 0]
  const hook = createHook({
    init(_, type) {
      if (type === 'PROMISE') promises += 1
      else if (TIMERS.has(type)) timers += 1
    },
  })
  const run = async () => {
    for (let made = 0; made < calls; made += 1) {
      await call()
      await rest()
    }
  }
  hook.enable()
  await run()
  hook.disable()
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  await run()
  const bytes = process.memoryUsage().heapUsed - before
  return { promises: promises / calls, timers: timers / calls, bytes: bytes / calls }
}
