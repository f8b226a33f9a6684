import { type Incident, type Notice, type NoticeKind, severityOf } from '../../alerting/incident.ts'
import type { OutboxMessage } from '../../alerting/outbox.ts'
import { conditionOf } from '../conditions/all.ts'
import { formatValue } from '../conditions/format.ts'
import type { Measured } from '../measure/measured.ts'
import { drawChart } from './chart.ts'
import { renderHtml } from './html.ts'
import { mailText, renderText } from './text.ts'

export type ComposeOptions = {
  /** Page of the runbook. Absent: mails name the section only. */
  runbookUrl?: string
  /** Domain of Message-IDs. */
  domain: string
  webhooks: string[]
  /** Whether there are recipients of mail. */
  hasMail: boolean
}

const PREFIX: Record<NoticeKind, string> = {
  firing: '',
  update: 'Also: ',
  escalation: 'Not acknowledged: ',
  reminder: 'Still: ',
  resolved: 'Over: ',
}

/** Creates the mail and the webhook messages of a notice. Their ids depend on the incident and on the notice only. */
export function compose(notice: Notice, measured: Measured, options: ComposeOptions): OutboxMessage[] {
  const { incident, kind, at } = notice
  const id = `${incident.id}.${kind === 'firing' || kind === 'resolved' ? kind : `${kind}-${notice.sequence}`}`
  const chart = chartOf(incident, measured)
  const text = mailText(notice, measured, options.runbookUrl, chart?.caption)
  const messageIdOf = (part: string) => `<${part}@${options.domain}>`
  const common = {
    escalates: kind === 'escalation' || (kind !== 'firing' && incident.sent?.escalatedAt !== undefined),
    messageId: messageIdOf(id),
    ...(kind !== 'firing' && { inReplyTo: messageIdOf(`${incident.id}.firing`) }),
    subject: subjectOf(notice),
    text: renderText(text),
    createdAt: at,
    attempts: 0,
  }
  const mail = {
    ...common,
    id,
    channel: 'mail',
    html: renderHtml(text),
    ...(chart !== undefined && { chart: chart.png }),
  }
  const hooks = options.webhooks.map((name) => ({ ...common, id: `${id}.${name}`, channel: name, html: '' }))
  return [...(options.hasMail ? [mail] : []), ...hooks]
}

/** All mails of an incident share the end of their subject, by which programs without References group them. */
function subjectOf({ incident, kind }: Notice): string {
  const title = conditionOf(incident.alert)?.title ?? incident.alert
  const severity = severityOf(incident)
  return `${PREFIX[kind]}[${severity}] ${title}${subjectLabels(incident)} (${incident.id})`
}

function subjectLabels({ members }: Incident): string {
  const [first] = Object.values(members)
  const label = Object.values(first?.labels ?? {})[0]
  if (label === undefined) return ''
  const others = new Set(Object.values(members).map(({ labels }) => Object.values(labels)[0])).size - 1
  return `: ${label}${others > 0 ? ` and ${others} more` : ''}`
}

/** Draws the last hour, with the threshold where it is one of the drawn figure. The caption gives the scale. */
function chartOf(
  { alert, members }: Incident,
  { calls }: Measured,
): { png: string; caption: string } | undefined {
  const condition = conditionOf(alert)
  if (condition?.chart === undefined || calls === undefined) return undefined
  const [first] = Object.values(members)
  const isOfMoney = alert === 'budget' || alert === 'burn-rate'
  const isSameUnit = (condition.unit === 'percent' && !isOfMoney) || condition.unit === 'seconds'
  const threshold = isSameUnit ? first?.threshold : undefined
  const unit = isOfMoney ? 'usd' : condition.unit
  const values = calls.history.map(condition.chart)
  const dashed = threshold === undefined ? '' : `; dashed: ${formatValue(threshold, unit)}`
  return {
    png: drawChart(values, threshold).toString('base64'),
    caption: `The last hour, minute by minute; highest: ${formatValue(Math.max(0, ...values), unit)}${dashed}`,
  }
}
