import type { OutboxMessage } from '../../alerting/outbox.ts'
import type { MonitorConfig } from '../../config/config.ts'
import { createMailSender } from '../../smtp/sender.ts'
import { CHART_CID } from '../mail/html.ts'
import type { Channel } from './channel.ts'

type MailConfig = NonNullable<MonitorConfig['mail']>

/** Creates the channel that sends the messages of incidents by mail. @param url see `createMailSender` */
export function createMailChannel(url: string, config: MailConfig): Channel {
  const sender = createMailSender(url, config)
  return {
    name: 'mail',
    async send({ subject, text, html, chart, messageId, inReplyTo, escalates }: OutboxMessage) {
      return await sender.send({
        from: config.from,
        to: config.to,
        ...(escalates && config.escalateTo.length > 0 && { cc: config.escalateTo }),
        subject,
        text,
        html,
        messageId,
        ...(inReplyTo !== undefined && { inReplyTo, references: [inReplyTo] }),
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
    },
    close: sender.close,
  }
}
