import { type Alert, isFiring } from '../../alerting/alert.ts'
import { type Incident, type Notice, type NoticeKind, severityOf } from '../../alerting/incident.ts'
import { conditionOf } from '../conditions/all.ts'
import { formatDuration, formatTime, formatValue } from '../conditions/format.ts'
import type { Measured } from '../measure/measured.ts'

/** Text of a message, in the order in which it is read on a phone. */
export type MailText = {
  kind: NoticeKind
  severity: string
  headline: string
  /** One line for each alert: what is wrong, or that it is over. */
  lines: string[]
  /** Pairs of label and value: since when, how bad. */
  facts: [string, string][]
  /** What to do. */
  advice: string
  /** Address of the runbook's section; without `runbookUrl`, its name. Absent in a recovery. */
  runbook: { url?: string; name: string } | undefined
  /** What the picture shows. Absent: no picture. */
  chart: string | undefined
}

/** Writes the text of a notice. */
export function mailText(
  { incident, kind, at }: Notice,
  { timezone, now }: Measured,
  runbookUrl: string | undefined,
  chart: string | undefined,
): MailText {
  const alerts = Object.values(incident.members)
  const firing = alerts.filter(isFiring)
  const shown = kind === 'resolved' ? alerts : firing
  const title = conditionOf(incident.alert)?.title ?? incident.alert
  const since = Math.min(...alerts.map(({ activeSince }) => activeSince))
  const time = (at: number) => formatTime(at, timezone, now)
  const started: [string, string] =
    kind === 'resolved'
      ? ['Lasted', `${time(since)} to ${time(at)} (${timezone}), ${formatDuration(at - since)}`]
      : ['Since', `${time(since)} (${timezone}), for ${formatDuration(at - since)}`]
  const [first] = shown
  const facts = [started, ...(first !== undefined && shown.length === 1 ? figures(first, kind) : [])]
  return {
    kind,
    severity: severityOf(incident),
    headline: kind === 'resolved' ? `${title}: over` : title,
    lines: shown.map(({ text }) => text),
    facts,
    advice:
      kind === 'resolved'
        ? 'Nothing needs to be done. This message ends the conversation.'
        : `To stop reminders${escalates(incident) ? ' and the escalation' : ''}: llm-gateway silence ack ${incident.id}`,
    runbook:
      kind === 'resolved'
        ? undefined
        : {
            name: `runbooks/alerts.md, section ${incident.alert}`,
            ...(runbookUrl !== undefined && { url: `${runbookUrl}#${incident.alert}` }),
          },
    chart,
  }
}

/** Only a critical incident is escalated, and only once. */
const escalates = (incident: Incident): boolean =>
  severityOf(incident) === 'critical' && incident.sent?.escalatedAt === undefined

function figures({ unit, value, threshold, worst }: Alert, kind: NoticeKind): [string, string][] {
  if (unit === 'state') return []
  const limit: [string, string] = ['Threshold', formatValue(threshold, unit)]
  const worstOf: [string, string] = ['Worst', formatValue(worst, unit)]
  return kind === 'firing'
    ? [['Value', formatValue(value, unit)], limit]
    : [['Now', formatValue(value, unit)], limit, worstOf]
}

/** Renders a mail as plain text. */
export function renderText({ headline, lines, facts, advice, runbook }: MailText): string {
  const rows = facts.map(([label, value]) => `${label}: ${value}`)
  return [
    headline,
    '',
    ...lines,
    '',
    ...rows,
    '',
    ...(runbook === undefined ? [] : [`What to do: ${runbook.url ?? runbook.name}`]),
    advice,
    '',
  ].join('\n')
}
