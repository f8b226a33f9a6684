import { createTransport } from 'nodemailer'
import type { OutboxMessage } from '../../alerting/outbox.ts'
import { UsageError } from '../../core/command.ts'
import type { MonitorConfig } from '../config.ts'
import { CHART_CID } from '../mail/html.ts'
import type { Channel, Outcome } from './channel.ts'

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])$/

type MailConfig = NonNullable<MonitorConfig['mail']>

/**
 * Creates the channel that sends mail over SMTP: with TLS from the start with `smtps:`, else by STARTTLS. A server on another
 * machine that offers neither gets no password and no mail. Connections are pooled. A server that is silent ends the attempt after `timeoutSeconds`.
 *
 * @param url e.g. `smtps://user:password@smtp.example.com`
 */
export function createMailChannel(url: string, config: MailConfig): Channel {
  if (!/^smtps?:\/\//.test(url) || URL.parse(url) === null)
    throw new UsageError('LLM_GATEWAY_SMTP_URL must be smtp:// or smtps://.')
  const timeoutMs = config.timeoutSeconds * 1_000
  const timeouts = { connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs }
  const transport = createTransport({
    url,
    pool: true,
    requireTLS: !LOOPBACK.test(new URL(url).hostname),
    maxConnections: 2,
    ...timeouts,
    disableFileAccess: true,
    disableUrlAccess: true,
  })

  async function send(message: OutboxMessage): Promise<Outcome> {
    const { subject, text, html, chart, messageId, inReplyTo, escalates } = message
    try {
      await transport.sendMail({
        from: config.from,
        to: config.to,
        ...(escalates && config.escalateTo.length > 0 && { cc: config.escalateTo }),
        subject,
        text,
        html,
        messageId,
        ...(inReplyTo !== undefined && { inReplyTo, references: [inReplyTo] }),
        headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
        attachments:
          chart === undefined
            ? []
            : [
                {
                  filename: 'last-hour.png',
                  content: chart,
                  encoding: 'base64',
                  cid: CHART_CID,
                  contentDisposition: 'inline',
                },
              ],
      })
      return { result: 'delivered' }
    } catch (error) {
      return { result: isFinal(error) ? 'rejected' : 'retry', reason: reasonOf(error) }
    }
  }

  return { name: 'mail', send, close: () => transport.close() }
}

type SmtpError = Error & { code?: string; responseCode?: number }

/** A 5xx about this mail or its recipients. One about the login may be mended while the mail waits. */
function isFinal(error: unknown): boolean {
  const { code, responseCode = 0 } = error as SmtpError
  return responseCode >= 500 && (code === 'EENVELOPE' || code === 'EMESSAGE')
}

/** Returns the server's words without the address and the password of the connection. */
function reasonOf(error: unknown): string {
  const { code, responseCode, message } = error as SmtpError
  return [code, responseCode, message.split('\n', 1)[0]?.slice(0, 200)].filter(Boolean).join(' ')
}
