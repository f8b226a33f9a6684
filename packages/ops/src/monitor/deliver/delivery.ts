import { claim, giveUp, markDelivered, postpone } from '../../alerting/outbox.ts'
import type { RedisClient } from '../../alerting/redis.ts'
import type { Channel } from './channel.ts'

const MAX_RETRY_MS = 900_000
/** Messages of one round, so that a long queue does not delay the next evaluation for ever. */
const MAX_AT_ONCE = 20

export type DeliveryCounts = { delivered: number; retried: number; rejected: number }

export type DeliveryOptions = {
  channels: ReadonlyMap<string, Channel>
  /** Longer than the time that any channel takes for a message. */
  leaseMs: number
  retryMs: number
  log: (text: string) => void
}

/** Returns the wait before the next attempt, in milliseconds. */
export const retryDelay = (attempts: number, retryMs: number) =>
  Math.min(MAX_RETRY_MS, retryMs * 2 ** Math.min(attempts, 20))

/**
 * Delivers what is due in the outbox in Redis. A message is claimed, sent, and only then removed: if the monitor dies in
 * between, another sends it again with the same Message-ID.
 *
 * @throws the error of Redis
 */
export async function deliverDue(
  client: RedisClient,
  now: () => number,
  { channels, leaseMs, retryMs, log }: DeliveryOptions,
  counts: DeliveryCounts,
): Promise<void> {
  for (let done = 0; done < MAX_AT_ONCE; done += 1) {
    const claimed = await claim(client, now(), leaseMs)
    if (claimed === undefined) return
    const { message } = claimed
    const channel = channels.get(message.channel)
    if (channel === undefined) {
      // Another monitor may have this channel.
      await postpone(client, claimed, now() + retryDelay(message.attempts, retryMs))
      log(`${message.id}: this monitor has no channel ${message.channel}`)
      continue
    }
    const outcome = await channel.send(message)
    if (outcome.result === 'delivered') {
      counts.delivered += 1
      if (!(await markDelivered(client, claimed)))
        log(`${message.id}: took longer than its claim and may arrive twice, with one Message-ID`)
    } else if (outcome.result === 'retry') {
      counts.retried += 1
      await postpone(client, claimed, now() + retryDelay(message.attempts, retryMs))
      log(`${message.id}: not delivered yet (${outcome.reason})`)
    } else {
      counts.rejected += 1
      await giveUp(client, claimed, outcome.reason)
      log(`${message.id}: cannot be delivered (${outcome.reason})`)
    }
  }
}
