import type { Finding, Severity, Unit } from '../../alerting/alert.ts'
import type { Thresholds } from '../../config/config.ts'
import type { Measured, MinuteTotals } from '../measure/measured.ts'

export type Condition = {
  /** Identity, and the anchor of its section in the runbook. */
  name: string
  /** Short title for subjects, e.g. "Error rate". */
  title: string
  severity: Severity
  unit: Unit
  /** Seconds for which a finding must be active before its alert fires. */
  forSeconds: (thresholds: Thresholds) => number
  /** Returns a finding for each set of labels, or `undefined` where the state could not be measured. */
  evaluate: (measured: Measured, thresholds: Thresholds) => Measure[] | undefined
  /** Returns the figure that the picture of the last hour shows for a minute. Absent: no picture. */
  chart?: (minute: MinuteTotals) => number
}

/** Part of a finding that differs between evaluations. */
export type Measure = {
  labels?: Record<string, string>
  /** @default the condition's severity */
  severity?: Severity
  isActive: boolean
  value: number
  threshold: number
  text: string
}

/** Evaluates each condition, by name. */
export function evaluateAll(
  conditions: readonly Condition[],
  measured: Measured,
  thresholds: Thresholds,
): Record<string, Finding[] | undefined> {
  return Object.fromEntries(
    conditions.map(({ name, severity, unit, evaluate }) => [
      name,
      evaluate(measured, thresholds)?.map((measure) => ({
        alert: name,
        unit,
        labels: {},
        severity,
        ...measure,
      })),
    ]),
  )
}
