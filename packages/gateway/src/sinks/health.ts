import type { LogCode } from '../core/log-codes.ts'
import { errorSummary, isDeliveryError } from './final-error.ts'
import { retryDelayMs } from './pace.ts'
import type { SinkStats } from './stats.ts'

/** Failures in a row after which the sink counts as down. */
const FAILURES_UNTIL_DOWN = 4

/** Keeps the state of a sink by its failures in a row, and logs when it goes down and comes back. */
export function createHealth(
  stats: Pick<SinkStats, 'state' | 'failures' | 'lastError'>,
  log: (code: LogCode, message: string) => unknown,
) {
  let failuresInARow = 0
  let retryAt = 0
  let saidDown = false

  return {
    /** When the next delivery may be tried, by `performance.now()`; 0: now. */
    retryAt: () => retryAt,
    /** `isEnding`: the rest may be dropped, and another line would tell; if the program goes on, the next failure is logged. */
    failed(error: unknown, isEnding: boolean) {
      failuresInARow += 1
      stats.failures += 1
      stats.lastError = errorSummary(error)
      const asked = isDeliveryError(error) ? error.retryAfterMs : undefined
      retryAt = performance.now() + retryDelayMs(failuresInARow, asked)
      if (stats.state === 'closed') return
      const isDown = failuresInARow >= FAILURES_UNTIL_DOWN
      stats.state = isDown ? 'down' : 'failing'
      if (!isDown || isEnding || saidDown) return
      saidDown = true
      log('GW_SINK_DOWN', `takes no records, which wait here: ${stats.lastError}`)
    },
    recovered() {
      if (saidDown) log('GW_SINK_BACK', 'takes records again.')
      saidDown = false
      failuresInARow = 0
      retryAt = 0
      if (stats.state !== 'closed') stats.state = 'up'
    },
  }
}
