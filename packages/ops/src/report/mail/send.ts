import { setTimeout as sleep } from 'node:timers/promises'
import type { MonitorConfig } from '../../config/config.ts'
import { createMailSender, type Outcome } from '../../smtp/sender.ts'
import type { Report } from '../report.ts'
import { renderHtml } from './html.ts'
import { requireMail } from './recipients.ts'
import { renderText, subjectOf } from './text.ts'

const ATTEMPTS = 3

/**
 * Sends the report to the recipients of alerts, with the page as an attachment. A server that is silent or asks for
 * patience is tried three times.
 *
 * @throws UsageError where the configuration has no recipients, or the environment no server
 */
export async function sendReport(
  report: Report,
  page: string,
  { mail }: MonitorConfig,
  env: NodeJS.ProcessEnv,
): Promise<Outcome> {
  const { url, config } = requireMail(mail, env)
  const sender = createMailSender(url, config)
  const { from, to } = config
  try {
    let outcome: Outcome = { result: 'retry', reason: '' }
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      outcome = await sender.send({
        from,
        to,
        subject: subjectOf(report),
        text: renderText(report),
        html: renderHtml(report),
        attachments: [
          {
            filename: `llm-gateway-${report.from}-to-${report.to}.html`,
            content: page,
            contentType: 'text/html; charset=utf-8',
          },
        ],
      })
      if (outcome.result !== 'retry' || attempt === ATTEMPTS) break
      await sleep(config.retrySeconds * 1_000 * attempt)
    }
    return outcome
  } finally {
    sender.close()
  }
}
