import type { OutboxMessage } from '../../alerting/outbox.ts'
import { type DeliveryCounts, type DeliveryOptions, retryDelay } from './delivery.ts'

type Waiting = { message: OutboxMessage; dueAt: number }

export type MemoryQueue = {
  add: (messages: OutboxMessage[], now: number) => void
  /** Sends what is due. Messages that fail stay, with back-off. */
  deliver: (now: number) => Promise<void>
  /** Removes and returns all messages, to queue them in Redis, and the ids of those that were delivered. */
  take: () => { messages: OutboxMessage[]; delivered: string[] }
  /** Takes back what Redis did not take after all. */
  putBack: (messages: OutboxMessage[], delivered: string[]) => void
  /** Whether there is nothing to take. */
  isEmpty: () => boolean
}

/** Creates the queue of messages for the time in which Redis is away. */
export function createMemoryQueue(
  { channels, retryMs, log }: DeliveryOptions,
  counts: DeliveryCounts,
): MemoryQueue {
  let waiting: Waiting[] = []
  let delivered: string[] = []
  const seen = new Set<string>()

  return {
    add(messages, now) {
      for (const message of messages) {
        if (seen.has(message.id)) continue
        seen.add(message.id)
        waiting.push({ message, dueAt: now })
      }
    },
    async deliver(now) {
      for (const entry of waiting.filter(({ dueAt }) => dueAt <= now)) {
        const outcome = await channels.get(entry.message.channel)?.send(entry.message)
        if (outcome?.result === 'retry') {
          counts.retried += 1
          entry.dueAt = now + retryDelay(entry.message.attempts, retryMs)
          entry.message = { ...entry.message, attempts: entry.message.attempts + 1 }
        } else {
          counts[outcome?.result ?? 'rejected'] += 1
          delivered.push(entry.message.id)
          waiting = waiting.filter((other) => other !== entry)
        }
        if (outcome !== undefined && outcome.result !== 'delivered')
          log(`${entry.message.id}: ${outcome.reason}`)
      }
    },
    take() {
      const messages = waiting.map(({ message }) => message)
      const taken = { messages, delivered }
      waiting = []
      delivered = []
      return taken
    },
    putBack(messages, ids) {
      waiting.push(...messages.map((message) => ({ message, dueAt: 0 })))
      delivered.push(...ids)
    },
    isEmpty: () => waiting.length + delivered.length === 0,
  }
}
