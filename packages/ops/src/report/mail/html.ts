import { counted, dollars, percentOf, printable, shortDate } from '../../cli/format.ts'
import { escapeHtml } from '../../core/escape-html.ts'
import type { Report } from '../report.ts'
import type { Status } from '../targets.ts'
import { MARKS, moneyLines, rangeOf } from './text.ts'

const TONES: Record<Status, { text: string; page: string }> = {
  met: { text: '#0b7a4b', page: '#e3f5ec' },
  missed: { text: '#b3261b', page: '#fdeae8' },
  unknown: { text: '#7a5000', page: '#fbf1d9' },
}
const DIM = '#57606c'
const LINE = '#e2e5ea'
const MAX_AGENTS = 5
const MAX_DAYS = 14

/**
 * Renders the mail as HTML: one column, tables, and styles on the elements, since many mail programs ignore style sheets
 * and show no SVG. Bars are cells with a width.
 */
export function renderHtml(report: Report): string {
  const { verdict, targets, timezone, notes } = report
  const tone = TONES[verdict.status]
  const rows = targets.map(
    ({ title, status, valueText, targetText, detail }) => `<tr>
<td style="padding:10px 8px 10px 0;border-top:1px solid ${LINE};vertical-align:top">${escapeHtml(title)}<br><span style="color:${DIM};font-size:13px">${safe(detail)}</span></td>
<td style="padding:10px 0;border-top:1px solid ${LINE};vertical-align:top;text-align:right;white-space:nowrap"><b style="font-size:18px">${escapeHtml(valueText)}</b><br><span style="color:${DIM};font-size:13px">target: ${escapeHtml(targetText)}</span>${status === 'unknown' ? '' : `<br><b style="color:${TONES[status].text};font-size:13px">${MARKS[status]}</b>`}</td></tr>`,
  )
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light"><title>LLM gateway, ${escapeHtml(rangeOf(report))}</title></head>
<body style="margin:0;background:#f6f7f9;color:#14171c;font:16px/1.45 -apple-system,'Segoe UI',Roboto,'Liberation Sans',Arial,sans-serif">
<div style="max-width:600px;margin:0 auto;background:#ffffff;padding:16px">
<p style="margin:0 0 10px;color:${DIM};font-size:14px">LLM gateway, ${escapeHtml(rangeOf(report))} (${escapeHtml(timezone)})</p>
<div style="background:${tone.page};border-left:6px solid ${tone.text};padding:14px">
<p style="margin:0 0 6px;font-size:20px;line-height:1.3;font-weight:bold;color:${tone.text}">${escapeHtml(verdict.headline)}</p>
<p style="margin:0">${escapeHtml(verdict.money)}</p></div>
<table role="presentation" width="100%" style="border-collapse:collapse;margin:12px 0 0">${rows.join('\n')}</table>
${heading('Spend a day')}${spendBars(report)}
${heading('Money')}${moneyLines(report)
  .map((line) => `<p style="margin:0 0 8px">${safe(line)}</p>`)
  .join('\n')}
${heading('Dearest agents')}${agentRows(report)}
${notes.map((note) => `<p style="margin:8px 0 0;color:${DIM};font-size:14px">${safe(note)}</p>`).join('\n')}
<p style="margin:16px 0 0;color:${DIM};font-size:14px">Plots and all figures: the attached page, which any browser opens.</p>
</div></body></html>
`
}

const safe = (text: string) => escapeHtml(printable(text))

const heading = (text: string) => `<h2 style="font-size:17px;margin:22px 0 8px">${escapeHtml(text)}</h2>`

function spendBars({ days, targets }: Report): string {
  const limit = targets.find(({ name }) => name === 'spend')?.target ?? Number.POSITIVE_INFINITY
  const shown = days.slice(-MAX_DAYS)
  const most = Math.max(...shown.map(({ totals }) => totals.costUsd))
  const rows = shown.map(({ date, totals: { costUsd } }) => {
    const width = most > 0 ? Math.round((100 * costUsd) / most) : 0
    const colour = costUsd >= limit ? TONES.missed.text : '#1f6fd1'
    const drawn =
      width === 0
        ? ''
        : `<div style="width:${width}%;height:14px;background:${colour};font-size:0;line-height:0">&nbsp;</div>`
    return `<tr><td style="padding:3px 10px 3px 0;white-space:nowrap;font-size:14px;color:${DIM}">${shortDate(date)}</td><td width="100%" style="padding:3px 0">${drawn}</td><td style="padding:3px 0 3px 10px;white-space:nowrap;text-align:right;font-size:14px">${dollars(costUsd)}</td></tr>`
  })
  return `<table role="presentation" width="100%" style="border-collapse:collapse">${rows.join('\n')}</table>`
}

function agentRows({ agents }: Report): string {
  const rows = agents
    .slice(0, MAX_AGENTS)
    .map(
      ({ agent, team, calls, costUsd, hitRate }) =>
        `<tr><td style="padding:6px 8px 6px 0;border-top:1px solid ${LINE};overflow-wrap:anywhere;word-break:break-word">${safe(agent)}<br><span style="color:${DIM};font-size:13px">${safe(team)}, ${counted(calls, 'call')}${hitRate === undefined ? '' : `, ${percentOf(hitRate)} hits`}</span></td><td style="padding:6px 0;border-top:1px solid ${LINE};text-align:right;white-space:nowrap;vertical-align:top">${dollars(costUsd)}</td></tr>`,
    )
  return rows.length === 0
    ? '<p style="margin:0">None.</p>'
    : `<table role="presentation" width="100%" style="border-collapse:collapse">${rows.join('\n')}</table>`
}
