import type { OutboxMessage } from '../../alerting/outbox.ts'
import { UsageError } from '../../core/command.ts'
import type { Outcome } from '../../smtp/sender.ts'
import type { Channel } from './channel.ts'

/** Creates a channel that posts `{ text }`, as Slack and programs compatible with it expect. */
export function createWebhookChannel(name: string, url: string, timeoutMs: number): Channel {
  if (!/^https?:\/\//.test(url))
    throw new UsageError(`The address of webhook ${name} must be http:// or https://.`)

  async function send({ subject, text }: OutboxMessage): Promise<Outcome> {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ text: `*${escapeSlack(subject)}*\n${escapeSlack(text)}` }),
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      })
      await response.arrayBuffer()
      if (response.ok) return { result: 'delivered' }
      const isTemporary = response.status >= 500 || response.status === 429 || response.status === 408
      return { result: isTemporary ? 'retry' : 'rejected', reason: `status ${response.status}` }
    } catch (error) {
      return { result: 'retry', reason: error instanceof Error ? error.message : 'no answer' }
    }
  }

  return { name, send, close: () => undefined }
}

/** Source: https://api.slack.com/reference/surfaces/formatting#escaping */
const escapeSlack = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
