import { type Alert, isFiring, type Severity } from './alert.ts'

/** Kinds of messages about an incident, in the order in which they are decided. */
export type NoticeKind = 'firing' | 'update' | 'escalation' | 'reminder' | 'resolved'

/** All alerts of one condition between the first that fires and the recovery of the last: one conversation by mail. */
export type Incident = {
  /** Identity, e.g. `error-rate-t4x9k2`: for acknowledgements, Message-IDs and subjects. */
  id: string
  alert: string
  /** Milliseconds since the epoch. */
  openedAt: number
  members: Record<string, Alert>
  /** Messages that were queued. Absent: none yet. */
  sent?: {
    firstAt: number
    lastAt: number
    count: number
    /** Members that recipients know to be firing. */
    known: string[]
    /** Time of the escalation. Absent: not escalated. */
    escalatedAt?: number
  }
}

export type Notice = {
  kind: NoticeKind
  incident: Incident
  /** Number of this message within its incident, from 0. */
  sequence: number
  at: number
}

export type NotifyDurations = {
  /** Milliseconds from the first alert to the first message, in which further alerts join it. */
  groupWaitMs: number
  /** Milliseconds between two messages about new members. */
  groupIntervalMs: number
  repeatMs: number
  /** Milliseconds without an acknowledgement until a critical incident is escalated. 0: never. */
  escalateMs: number
}

export type Circumstances = {
  isQuiet: boolean
  isAcknowledged: boolean
  isSilenced: (alert: Alert) => boolean
}

const RANK: Record<Severity, number> = { info: 0, warning: 1, critical: 2 }

/** Returns the highest severity of the members. */
export const severityOf = ({ members }: Pick<Incident, 'members'>): Severity =>
  Object.values(members).reduce<Severity>(
    (highest, { severity }) => (RANK[severity] > RANK[highest] ? severity : highest),
    'info',
  )

export const isOver = ({ members }: Incident): boolean => !Object.values(members).some(isFiring)

/**
 * Returns the kind of message that an incident needs now, or `undefined`. A recovery is told to those who were told of
 * the incident, silenced or not; an incident that ends before its first message is never told.
 */
export function dueNotice(
  incident: Incident,
  now: number,
  { groupWaitMs, groupIntervalMs, repeatMs, escalateMs }: NotifyDurations,
  { isQuiet, isAcknowledged, isSilenced }: Circumstances,
): NoticeKind | undefined {
  const { sent, openedAt } = incident
  if (isOver(incident)) return sent === undefined ? undefined : 'resolved'
  const firing = Object.entries(incident.members).filter(([, alert]) => isFiring(alert) && !isSilenced(alert))
  if (firing.length === 0) return undefined
  const isCritical = firing.some(([, { severity }]) => severity === 'critical')
  if (isQuiet && !isCritical) return undefined
  if (sent === undefined) return now - openedAt >= groupWaitMs ? 'firing' : undefined
  const isNew = firing.some(([key]) => !sent.known.includes(key))
  if (isNew && now - sent.lastAt >= groupIntervalMs) return 'update'
  if (isAcknowledged) return undefined
  const escalates = isCritical && escalateMs > 0 && sent.escalatedAt === undefined
  if (escalates && now - sent.firstAt >= escalateMs) return 'escalation'
  return now - sent.lastAt >= repeatMs ? 'reminder' : undefined
}

/** Returns the incident after a message of this kind was queued. */
export function afterNotice(incident: Incident, kind: NoticeKind, now: number): Incident {
  const { sent, members } = incident
  const known = Object.keys(members).filter((key) => isFiring(members[key] as Alert))
  const escalatedAt = kind === 'escalation' ? now : sent?.escalatedAt
  return {
    ...incident,
    sent: {
      firstAt: sent?.firstAt ?? now,
      lastAt: now,
      count: (sent?.count ?? 0) + 1,
      known,
      ...(escalatedAt !== undefined && { escalatedAt }),
    },
  }
}
