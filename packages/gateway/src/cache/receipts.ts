import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisConnection } from '../redis/connection.ts'
import { primariesOf } from '../redis/nodes.ts'

/**
 * Milliseconds to wait for receipts: longer than a busy process takes to read its socket. A stopped process delays a
 * purge by no more.
 */
const MAX_WAIT_MS = 1_000
const POLL_MS = 3
const RECEIPT_TTL_MS = 10_000

const keyOf = (id: string) => `gw:{*}:heard:${id}`

/**
 * Counts receipts for a published message: each process that handled it increments a key. So a purge resolves only
 * once no listening process has the answer in memory.
 */
export function createReceipts(connection: RedisConnection, channel: string) {
  return {
    /**
     * Publishes a message that requests a receipt, and waits for those of all listeners, for at most `MAX_WAIT_MS`.
     * @throws RedisUnavailable
     */
    async collect(messageWith: (receipt: string) => string): Promise<void> {
      const id = randomBytes(9).toString('base64url')
      await connection.run((client) => client.set(keyOf(id), 0, 'PX', RECEIPT_TTL_MS))
      const subscribers = await connection.run((client) => client.publish(channel, messageWith(id)))
      const listeners = (await connection.run(async (client) => client.isCluster))
        ? await listenersOf(connection, channel)
        : subscribers
      const until = performance.now() + MAX_WAIT_MS
      while (listeners > 0 && performance.now() < until) {
        const heard = await connection.run((client) => client.get(keyOf(id)))
        if (heard === null || Number(heard) >= listeners) return
        await sleep(POLL_MS)
      }
    },
    /** Confirms that this process has handled the message. */
    give(id: string): void {
      connection
        .run((client) => client.incr(keyOf(id)))
        .then(() => connection.run((client) => client.pexpire(keyOf(id), RECEIPT_TTL_MS)))
        // Without the receipt, the sender waits until its limit.
        .catch(() => undefined)
    },
  }
}

/** Counts subscribers over all nodes of a cluster: each node knows only its own. */
async function listenersOf(connection: RedisConnection, channel: string): Promise<number> {
  const primaries = await connection.run(async (client) => primariesOf(client))
  const counts = await Promise.all(
    primaries.map((primary) => connection.run(() => primary.pubsub('NUMSUB', channel) as Promise<unknown[]>)),
  )
  return counts.reduce<number>((sum, [, count]) => sum + (typeof count === 'number' ? count : 0), 0)
}
