import type { Settings } from '../config/settings.ts'
import type { CallState } from '../core/call-state.ts'
import type { CallRecord } from '../core/record.ts'
import { callHook } from '../util/faults.ts'
import { keptAlive } from '../util/keep-alive.ts'
import { settlesWithin } from '../util/timeout.ts'
import { LINGER_MS } from './lifecycle.ts'

export type Hooks = ReturnType<typeof createHooks>

/**
 * Calls the program's own functions `onCall` and `waitUntil`. What they throw is counted and affects no call.
 * @param settled resolves once all records so far are delivered.
 */
export function createHooks(
  { onCall, waitUntil }: Settings,
  counts: { hookErrors: number },
  settled: () => Promise<unknown>,
) {
  const call = (hook: () => unknown) =>
    callHook(hook, () => {
      counts.hookErrors += 1
    })
  return {
    /** Runs `onCall` in the async context of the caller. */
    onCall(record: CallRecord, state: CallState): void {
      if (onCall !== undefined) call(() => state.run(() => onCall(record)))
    },
    /** Hands `waitUntil` a promise of the work that remains after an answer, for platforms that freeze a function. */
    announce(): void {
      if (waitUntil !== undefined) call(() => waitUntil(keptAlive(settlesWithin, settled(), LINGER_MS)))
    },
  }
}
