import { counted, dollars, monthName, printable, shortDate } from '../../cli/format.ts'
import { escapeHtml } from '../../core/escape-html.ts'
import { drawPlot } from '../../page/draw.ts'
import { STYLE } from '../../page/style.ts'
import type { Report } from '../report.ts'
import type { Status } from '../targets.ts'
import { errorPlot, forecastPlot, hitRatePlot, latencyPlot, savingsPlot, spendPlot } from './plots.ts'
import { agentTable, autoTable, dayTable, dearestTable, modelTable, quotaTable } from './tables.ts'

const MARKS: Record<Status, string> = { met: '✓ met', missed: '✗ missed', unknown: '? unknown' }

/** Renders the report as one page that needs no other file, no network and no script. */
export function renderPage(report: Report): string {
  const { from, to, timezone, verdict, targets, createdAt, notes } = report
  const range = `${shortDate(from)} to ${shortDate(to)} ${to.slice(0, 4)}`
  const at = new Intl.DateTimeFormat('en-GB', { timeZone: timezone, dateStyle: 'long', timeStyle: 'short' })
  const cards = targets.map(
    ({ title, status, valueText, targetText, detail }) => `<li class="card ${status}">
<p class="title"><span>${escapeHtml(title)}</span><span class="chip">${MARKS[status]}</span></p>
<p class="value">${escapeHtml(valueText)} <small>target: ${escapeHtml(targetText)}</small></p>
<p class="detail">${escapeHtml(printable(detail))}</p></li>`,
  )
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>LLM gateway, ${escapeHtml(range)}</title><style>${STYLE}</style></head>
<body><main>
<h1>LLM gateway</h1>
<p class="range">${escapeHtml(range)} · days of ${escapeHtml(timezone)}</p>
<section class="verdict ${verdict.status}"><p class="headline">${escapeHtml(verdict.headline)}</p><p>${escapeHtml(verdict.money)}</p></section>
<ul class="cards">${cards.join('\n')}</ul>
<h2>Day by day</h2>
<div class="plots">
${[spendPlot, hitRatePlot, latencyPlot, errorPlot].map((plot) => drawPlot(plot(report))).join('\n')}
</div>
<h2>Money</h2>
<div class="plots">${[savingsPlot(report), forecastPlot(report)].flatMap((plot) => (plot === undefined ? [] : [drawPlot(plot)])).join('\n')}</div>
${moneyText(report)}
${section('Cost by agent', agentTable(report))}
${report.semanticAuto?.length ? section('Semantic cache in mode auto', autoTable(report)) : ''}
${section('Tokens by model', modelTable(report))}
${section('Quotas by team', quotaTable(report))}
${section('Dearest requests', dearestTable(report))}
${section('Days', dayTable(report))}
<h2>Notes</h2>
<ul class="notes">${[
    ...notes,
    `Made on ${at.format(createdAt)} (${timezone}). What each figure means: docs/reports.md.`,
  ]
    .map((note) => `<li>${escapeHtml(printable(note))}</li>`)
    .join('')}</ul>
</main></body></html>
`
}

const section = (title: string, html: string) => `<section><h2>${escapeHtml(title)}</h2>${html}</section>`

function moneyText({ savings: { routing }, forecast }: Report): string {
  const lines = [
    ...(routing === undefined
      ? []
      : [
          `Routing is an estimate: what the calls whose model the gateway selected would have cost at ${routing.baseline}.`,
        ]),
    ...(forecast === undefined
      ? []
      : [
          `${monthName(forecast.month)}: ${dollars(forecast.spentUsd)} are spent; ${dollars(forecast.expectedUsd)} are expected, probably ${dollars(forecast.lowUsd)} to ${dollars(forecast.highUsd)}, by the mean of the last ${counted(forecast.sampledDays, 'whole day')}.`,
        ]),
  ]
  return lines.map((line) => `<p class="notes">${escapeHtml(printable(line))}</p>`).join('\n')
}
