import type { MonitorConfig } from '../../config/config.ts'
import { UsageError } from '../../core/command.ts'

type MailConfig = NonNullable<MonitorConfig['mail']>

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
