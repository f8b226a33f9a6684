import { clockSkew, probeFailed, redisDown, silentMonitor } from './availability.ts'
import { degraded, errorRate, latency, quotaExceeded } from './calls.ts'
import type { Condition } from './condition.ts'
import { budget, burnRate, dailySpend } from './spend.ts'
import { certificateEnding, policyRefused, rotationDue, waitingRows } from './upkeep.ts'

/** Every condition of the monitor. `docs/runbooks/alerts.md` has a section for each. */
export const CONDITIONS: readonly Condition[] = [
  errorRate,
  latency,
  quotaExceeded,
  probeFailed,
  dailySpend,
  redisDown,
  degraded,
  burnRate,
  budget,
  waitingRows,
  policyRefused,
  rotationDue,
  certificateEnding,
  silentMonitor,
  clockSkew,
]

export const conditionOf = (name: string): Condition | undefined =>
  CONDITIONS.find((condition) => condition.name === name)
