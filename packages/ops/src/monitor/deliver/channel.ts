import type { OutboxMessage } from '../../alerting/outbox.ts'
import type { Outcome } from '../../smtp/sender.ts'

/** A way to reach people: mail, or one webhook. */
export type Channel = {
  name: string
  /** Sends a message. Never rejects, and settles within the channel's timeout. */
  send: (message: OutboxMessage) => Promise<Outcome>
  close: () => void
}
