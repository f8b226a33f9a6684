import type { OutboxMessage } from '../../alerting/outbox.ts'

/** `retry`: may work later. `rejected`: never will. */
export type Outcome = { result: 'delivered' } | { result: 'retry' | 'rejected'; reason: string }

/** A way to reach people: mail, or one webhook. */
export type Channel = {
  name: string
  /** Sends a message. Never rejects, and settles within the channel's timeout. */
  send: (message: OutboxMessage) => Promise<Outcome>
  close: () => void
}
