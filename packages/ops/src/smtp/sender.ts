import { createTransport } from 'nodemailer'
import type Mail from 'nodemailer/lib/mailer/index.js'
import { UsageError } from '../core/command.ts'

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])$/

/** `retry`: may work later. `rejected`: never will. */
export type Outcome = { result: 'delivered' } | { result: 'retry' | 'rejected'; reason: string }

export type MailSender = {
  /** Sends a mail. Never rejects, and settles within the timeout. */
  send: (mail: Mail.Options) => Promise<Outcome>
  close: () => void
}

/**
 * Creates a sender of mail over SMTP: with TLS from the start with `smtps:`, else by STARTTLS. A server on another
 * machine that offers neither gets no password and no mail. Connections are pooled. A server that is silent ends the
 * attempt after `timeoutSeconds`.
 *
 * @param url e.g. `smtps://user:password@smtp.example.com`
 * @throws UsageError where the address is not one of SMTP
 */
export function createMailSender(url: string, { timeoutSeconds }: { timeoutSeconds: number }): MailSender {
  const transport = createTransport({ ...transportOf(url, timeoutSeconds), pool: true, maxConnections: 2 })
  return {
    async send(mail) {
      try {
        await transport.sendMail({
          ...mail,
          headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
        })
        return { result: 'delivered' }
      } catch (error) {
        return { result: isFinal(error) ? 'rejected' : 'retry', reason: reasonOf(error) }
      }
    },
    close: () => transport.close(),
  }
}

/**
 * Connects to a mail server and logs in, without a mail. Returns why it cannot, or `undefined`.
 *
 * @throws UsageError (rejects) where the address is not one of SMTP
 */
export async function tryLogin(url: string, timeoutSeconds: number): Promise<string | undefined> {
  const transport = createTransport(transportOf(url, timeoutSeconds))
  try {
    await transport.verify()
    return undefined
  } catch (error) {
    return reasonOf(error)
  } finally {
    transport.close()
  }
}

/** Returns what to do about a reason why a server took no login or no mail. */
export function adviceOn(reason: string): string {
  if (/^EAUTH/.test(reason))
    return 'Check user and password: llm-gateway secrets set LLM_GATEWAY_SMTP_URL, with @ in them as %40.'
  if (/^EENVELOPE/.test(reason)) return 'Check mail.from and mail.to of the configuration.'
  return 'Check host and port of LLM_GATEWAY_SMTP_URL: smtps:// is TLS (port 465), smtp:// is STARTTLS (port 587).'
}

function transportOf(url: string, timeoutSeconds: number) {
  if (!/^smtps?:\/\//.test(url) || URL.parse(url) === null)
    throw new UsageError('LLM_GATEWAY_SMTP_URL must be smtp:// or smtps://.')
  const timeoutMs = timeoutSeconds * 1_000
  const timeouts = { connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs }
  return {
    url,
    requireTLS: !LOOPBACK.test(new URL(url).hostname),
    ...timeouts,
    disableFileAccess: true,
    disableUrlAccess: true,
  }
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
