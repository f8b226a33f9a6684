import { findingsOf, type Probe } from './finding.ts'

const { ok, problem, skipped } = findingsOf('mail')

const TIMEOUT_SECONDS = 10

/** Logs in at the mail server of the alerts, and sends nothing. */
export const probeMail: Probe = async ({ env: { LLM_GATEWAY_SMTP_URL: url } }) => {
  if (!url) return [skipped('LLM_GATEWAY_SMTP_URL is not set: no alert is sent by mail')]
  const { adviceOn, tryLogin } = await import('../smtp/sender.ts')
  const isAddress = /^smtps?:\/\//.test(url) && URL.canParse(url)
  const reason = isAddress ? await tryLogin(url, TIMEOUT_SECONDS) : 'its address is not smtps:// or smtp://'
  return [
    reason === undefined
      ? ok(`${new URL(url).host} accepts the login`)
      : problem(`the mail server cannot be used: ${reason}`, adviceOn(reason)),
  ]
}
