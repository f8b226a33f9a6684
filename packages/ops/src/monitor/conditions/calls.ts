import { counted, whole } from '../../cli/format.ts'
import type { Thresholds } from '../../config/config.ts'
import { LIMITS } from '../../core/limit-codes.ts'
import type { Measured } from '../measure/measured.ts'
import type { Condition } from './condition.ts'
import { formatValue } from './format.ts'

const share = (part: number, whole: number) => (whole === 0 ? 0 : (100 * part) / whole)

/** Calls that failed after all their attempts, of all calls. */
export const errorRate: Condition = {
  name: 'error-rate',
  title: 'Error rate',
  severity: 'critical',
  unit: 'percent',
  forSeconds: ({ errorRate }) => errorRate.forSeconds,
  evaluate({ calls, windowMinutes }, { errorRate: { percent, minCalls } }) {
    if (calls === undefined) return undefined
    const { calls: all, errors } = calls.window
    const value = share(errors, all)
    const text = `${whole(errors)} of ${counted(all, 'call')} failed in the last ${minutes(windowMinutes)}: ${formatValue(value, 'percent')}.`
    return [{ isActive: all >= minCalls && value > percent, value, threshold: percent, text }]
  },
  chart: ({ calls, errors }) => share(errors, calls),
}

export const latency: Condition = {
  name: 'latency',
  title: 'Slow answers',
  severity: 'warning',
  unit: 'seconds',
  forSeconds: ({ latency }) => latency.forSeconds,
  evaluate({ calls, windowMinutes }, { latency: { p95Seconds, minCalls } }) {
    if (calls === undefined) return undefined
    const { calls: all, p95Ms } = calls.window
    const value = (p95Ms ?? 0) / 1_000
    const text = `1 of 20 calls took longer than ${formatValue(value, 'seconds')} in the last ${minutes(windowMinutes)}.`
    return [{ isActive: all >= minCalls && value > p95Seconds, value, threshold: p95Seconds, text }]
  },
  chart: ({ p95Ms }) => p95Ms / 1_000,
}

/** A team whose calls the gateway refused by a limit of the policy. */
export const quotaExceeded: Condition = {
  name: 'quota-exceeded',
  title: 'Quota exceeded',
  severity: 'warning',
  unit: 'calls',
  forSeconds: ({ quota }) => quota.forSeconds,
  evaluate({ calls, windowMinutes }, { quota }) {
    if (calls === undefined) return undefined
    return Object.entries(calls.window.refusals).map(([team, byCode]) => {
      const value = Object.values(byCode).reduce((sum, count) => sum + count, 0)
      const limits = Object.keys(byCode)
        .map((code) => LIMITS[code] ?? code)
        .toSorted()
        .join(', ')
      return {
        labels: { team },
        isActive: value >= quota.refusals,
        value,
        threshold: quota.refusals,
        text: `Team ${team}: ${counted(value, 'call was', 'calls were')} refused in the last ${minutes(windowMinutes)} (${limits}).`,
      }
    })
  },
  chart: ({ refused }) => refused,
}

/** Calls that shared Redis did not fully serve, as the gateways saw it. */
export const degraded: Condition = {
  name: 'cache-degraded',
  title: 'Cache degraded',
  severity: 'warning',
  unit: 'percent',
  forSeconds: ({ degraded }) => degraded.forSeconds,
  evaluate({ calls, windowMinutes }: Measured, { degraded: { percent, minCalls } }: Thresholds) {
    if (calls === undefined) return undefined
    const { calls: all, degraded } = calls.window
    const value = share(degraded, all)
    const text = `${whole(degraded)} of ${counted(all, 'call')} had no full use of Redis in the last ${minutes(windowMinutes)}: ${formatValue(value, 'percent')}.`
    return [{ isActive: all >= minCalls && value > percent, value, threshold: percent, text }]
  },
  chart: ({ calls, degraded }) => share(degraded, calls),
}

/** Returns `minute`, or `5 minutes`: what follows "in the last". */
const minutes = (count: number): string => (count === 1 ? 'minute' : `${count} minutes`)
