import { setTimeout as sleep } from 'node:timers/promises'
import type { MonitorConfig } from '../../config/config.ts'
import { UsageError } from '../../core/command.ts'
import { createMailSender, type Outcome } from '../../smtp/sender.ts'
import type { Report } from '../report.ts'
import { renderHtml } from './html.ts'
import { renderText, subjectOf } from './text.ts'

const ATTEMPTS = 3

type MailConfig = NonNullable<MonitorConfig['mail']>

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

/** @throws UsageError where something is missing: said before minutes of reading */
export function requireMail(
  config: MailConfig | undefined,
  { LLM_GATEWAY_SMTP_URL: url }: NodeJS.ProcessEnv,
): { url: string; config: MailConfig } {
  if (config === undefined)
    throw new UsageError(
      '--email needs recipients: say --config FILE with "mail", as llm-gateway monitor reads it.',
    )
  if (!url) throw new UsageError('--email needs a mail server: set LLM_GATEWAY_SMTP_URL.')
  return { url, config }
}
