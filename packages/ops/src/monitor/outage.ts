import type { Notice } from '../alerting/incident.ts'
import type { AlertState } from '../alerting/step.ts'

/**
 * Returns the id of an incident that opens while Redis is away: the same at every monitor, since all know the name of the
 * outage from before.
 *
 * @param opened ids of earlier incidents of this outage
 */
export function outageIncidentId(alert: string, outage: string, opened: readonly string[]): string {
  const base = `${alert}-${outage}`
  const times = opened.filter((id) => id === base || id.startsWith(`${base}.`)).length
  return times === 0 ? base : `${base}.${times + 1}`
}

/**
 * Returns the recoveries that a monitor must tell after an outage whose end another monitor has written first: of the
 * incidents that it opened alone, told of, and that the other does not know.
 */
export function endedOutage(
  own: AlertState,
  opened: readonly string[],
  other: AlertState,
  at: number,
): Notice[] {
  const known = new Set(Object.values(other.incidents).map(({ id }) => id))
  return Object.values(own.incidents)
    .filter(({ id, sent }) => sent !== undefined && opened.includes(id) && !known.has(id))
    .map((incident) => ({ kind: 'resolved' as const, incident, sequence: incident.sent?.count ?? 0, at }))
}
