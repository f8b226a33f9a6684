/** `critical` ignores quiet hours and is escalated; `info` and `warning` wait for the end of quiet hours. */
export type Severity = 'critical' | 'warning' | 'info'

export type Unit = 'percent' | 'seconds' | 'usd' | 'calls' | 'days' | 'rows' | 'minutes' | 'state'

/** Result of a condition for one set of labels, e.g. for one team. */
export type Finding = {
  /** Name of the condition, e.g. `error-rate`; also the anchor in the runbook. */
  alert: string
  /** What the finding is about, e.g. `{ team: 'prod_ceo' }`. Empty: the whole gateway. */
  labels: Record<string, string>
  severity: Severity
  isActive: boolean
  value: number
  threshold: number
  unit: Unit
  /** One sentence of plain text: what is wrong, with figures. */
  text: string
}

/** An alert between its first active finding and its recovery. Times are milliseconds since the epoch. */
export type Alert = Finding & {
  activeSince: number
  /** Absent while the alert is pending: active for less than its `for` duration. */
  firingSince?: number
  /** Start of the current pause of a firing alert. Absent while the finding is active. */
  clearSince?: number
  /** Set once the pause has lasted for `recoverMs`. */
  resolvedAt?: number
  /** The value that exceeded its threshold the most. */
  worst: number
}

export type Durations = {
  /** A finding must be active for this long, in milliseconds, before its alert fires. */
  forMs: number
  /** A firing alert must be inactive for this long, in milliseconds, before it resolves. */
  recoverMs: number
}

/** Returns the identity of an alert: its condition and its labels. */
export const keyOf = ({ alert, labels }: Pick<Finding, 'alert' | 'labels'>): string =>
  [
    alert,
    ...Object.entries(labels)
      .toSorted()
      .map(([name, value]) => `${name}=${value}`),
  ].join(' ')

/**
 * Returns the next state of an alert, or `undefined` for none: it never fired and is inactive. An inactive finding ends a
 * pending alert at once; an active one ends the pause of a firing alert, so that a value that swings about its
 * threshold neither fires within `forMs` nor resolves within `recoverMs`.
 */
export function advance(
  alert: Alert | undefined,
  finding: Finding,
  now: number,
  { forMs, recoverMs }: Durations,
): Alert | undefined {
  if (alert === undefined || alert.resolvedAt !== undefined) {
    if (!finding.isActive) return alert
    return fire({ ...finding, activeSince: now, worst: finding.value }, now, forMs)
  }
  if (alert.firingSince === undefined)
    return finding.isActive ? fire({ ...alert, ...latest(alert, finding) }, now, forMs) : undefined
  const { clearSince, ...rest } = alert
  if (finding.isActive) return { ...rest, ...latest(alert, finding) }
  const since = clearSince ?? now
  return {
    ...rest,
    value: finding.value,
    text: finding.text,
    isActive: false,
    clearSince: since,
    ...(now - since >= recoverMs && { resolvedAt: now }),
  }
}

const fire = (alert: Alert, now: number, forMs: number): Alert =>
  now - alert.activeSince >= forMs ? { ...alert, firingSince: now } : alert

/** Returns the fields that an active finding renews. Values below their threshold, such as days left, are worse when low. */
function latest(alert: Alert, finding: Finding): Finding & { worst: number } {
  const isHighBad = finding.value >= finding.threshold
  const worst = isHighBad ? Math.max(alert.worst, finding.value) : Math.min(alert.worst, finding.value)
  return { ...finding, worst }
}

export const isFiring = ({ firingSince, resolvedAt }: Alert): boolean =>
  firingSince !== undefined && resolvedAt === undefined
