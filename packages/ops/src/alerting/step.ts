import { type Alert, advance, type Durations, type Finding, keyOf } from './alert.ts'
import {
  afterNotice,
  type Circumstances,
  dueNotice,
  type Incident,
  isOver,
  type Notice,
  type NotifyDurations,
} from './incident.ts'

/** Everything that must survive the end of a monitor. */
export type AlertState = {
  /** Pending alerts by key. */
  pending: Record<string, Alert>
  /** Open incidents by the name of their condition. */
  incidents: Record<string, Incident>
}

export const EMPTY_STATE: AlertState = { pending: {}, incidents: {} }

export type StepOptions = {
  durationsOf: (alert: string) => Durations
  notify: NotifyDurations
  isQuiet: boolean
  isSilenced: (alert: Alert) => boolean
  /** Ids of acknowledged incidents. */
  acknowledged: ReadonlySet<string>
  /** Returns the id of an incident that opens now. */
  incidentId: (alert: string, now: number) => string
}

/**
 * Advances all alerts by one evaluation. `findings` holds each condition by name; `undefined` means that it could not be
 * measured, which leaves its alerts as they are. An alert without a finding in a measured condition is inactive.
 *
 * @returns the next state, and the messages to queue together with it
 */
export function step(
  state: AlertState,
  findings: Record<string, Finding[] | undefined>,
  now: number,
  options: StepOptions,
): { state: AlertState; notices: Notice[] } {
  const next: AlertState = { pending: {}, incidents: {} }
  const notices: Notice[] = []
  const names = new Set([
    ...Object.keys(findings),
    ...Object.keys(state.incidents),
    ...Object.values(state.pending).map(({ alert }) => alert),
  ])
  for (const name of names) {
    const alerts = alertsOf(state, name)
    const advanced = advanceAll(alerts, findings[name], now, options.durationsOf(name))
    for (const [key, alert] of advanced) if (alert.firingSince === undefined) next.pending[key] = alert
    const incident = incidentOf(state.incidents[name], name, advanced, now, options)
    if (incident === undefined) continue
    const kind = dueNotice(incident, now, options.notify, circumstancesOf(incident, options))
    if (kind !== undefined) notices.push({ kind, incident, sequence: incident.sent?.count ?? 0, at: now })
    if (!isOver(incident))
      next.incidents[name] = kind === undefined ? incident : afterNotice(incident, kind, now)
  }
  return { state: next, notices }
}

function alertsOf({ pending, incidents }: AlertState, name: string): Map<string, Alert> {
  const waiting = Object.entries(pending).filter(([, { alert }]) => alert === name)
  return new Map([...Object.entries(incidents[name]?.members ?? {}), ...waiting])
}

function advanceAll(
  alerts: Map<string, Alert>,
  findings: Finding[] | undefined,
  now: number,
  durations: Durations,
): Map<string, Alert> {
  if (findings === undefined) return alerts
  const found = new Map(findings.map((finding) => [keyOf(finding), finding]))
  const keys = new Set([...alerts.keys(), ...found.keys()])
  const advanced = new Map<string, Alert>()
  for (const key of keys) {
    const alert = alerts.get(key)
    const finding = found.get(key) ?? (alert && { ...alert, isActive: false })
    const next = finding && advance(alert, finding, now, durations)
    if (next !== undefined) advanced.set(key, next)
  }
  return advanced
}

/** Returns the open incident with its members as they are now, a new one where the first alert fires, or `undefined`. */
function incidentOf(
  open: Incident | undefined,
  name: string,
  alerts: Map<string, Alert>,
  now: number,
  { incidentId }: StepOptions,
): Incident | undefined {
  const fired = [...alerts].filter(([, { firingSince }]) => firingSince !== undefined)
  if (fired.length === 0) return undefined
  const members = Object.fromEntries(fired)
  return open === undefined
    ? { id: incidentId(name, now), alert: name, openedAt: now, members }
    : { ...open, members }
}

const circumstancesOf = (
  { id }: Incident,
  { isQuiet, isSilenced, acknowledged }: StepOptions,
): Circumstances => ({ isQuiet, isSilenced, isAcknowledged: acknowledged.has(id) })
