import { escapeHtml } from '../../core/escape-html.ts'
import type { MailText } from './text.ts'

const COLOURS: Record<string, string> = {
  critical: '#b91c1c',
  warning: '#b45309',
  info: '#1d4ed8',
  resolved: '#15803d',
}

/** Content-ID of the picture in a mail. */
export const CHART_CID = 'last-hour'

/**
 * Renders a mail as HTML: one column that is readable on a phone, with styles on the elements, since many mail programs
 * ignore style sheets, and no picture from elsewhere.
 */
export function renderHtml({
  kind,
  severity,
  headline,
  lines,
  facts,
  advice,
  runbook,
  chart: shown,
}: MailText): string {
  const colour = COLOURS[kind === 'resolved' ? 'resolved' : severity] ?? '#334155'
  const rows = facts.map(
    ([label, value]) =>
      `<tr><td style="padding:4px 12px 4px 0;color:#64748b;white-space:nowrap;vertical-align:top">${escapeHtml(label)}</td><td style="padding:4px 0">${escapeHtml(value)}</td></tr>`,
  )
  const paragraphs = lines.map((line) => `<p style="margin:0 0 8px">${escapeHtml(line)}</p>`)
  const chart = shown
    ? `<p style="margin:16px 0 0;color:#64748b;font-size:13px">${escapeHtml(shown)}</p><img src="cid:${CHART_CID}" alt="${escapeHtml(shown)}" width="100%" style="display:block;max-width:600px;border:1px solid #e2e8f0">`
    : ''
  const button =
    runbook === undefined
      ? ''
      : runbook.url === undefined
        ? `<p style="margin:16px 0">What to do: ${escapeHtml(runbook.name)}</p>`
        : `<p style="margin:16px 0"><a href="${escapeHtml(runbook.url)}" style="display:inline-block;background:${colour};color:#ffffff;padding:12px 18px;border-radius:6px;text-decoration:none">What to do</a></p>`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light"><title>${escapeHtml(headline)}</title></head>
<body style="margin:0;background:#f1f5f9;color:#0f172a;font:16px/1.45 -apple-system,'Segoe UI',Roboto,Arial,sans-serif">
<div style="max-width:600px;margin:0 auto;background:#ffffff;border-top:6px solid ${colour};padding:16px">
<h1 style="font-size:20px;margin:0 0 12px;color:${colour}">${escapeHtml(headline)}</h1>
${paragraphs.join('\n')}
<table style="border-collapse:collapse;font-size:15px">${rows.join('')}</table>
${button}
<p style="margin:16px 0 0;color:#475569;font-size:14px;overflow-wrap:anywhere">${escapeHtml(advice)}</p>
${chart}
</div></body></html>
`
}
