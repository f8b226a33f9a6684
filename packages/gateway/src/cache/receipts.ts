import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisConnection } from '../redis/connection.ts'
import { primariesOf } from '../redis/nodes.ts'

/** Longer than a busy process takes to read its socket; a stopped one delays a purge by no more. */
const PATIENCE_MS = 1_000
const POLL_MS = 3
const KEPT_MS = 10_000

const keyOf = (id: string) => `gw:{*}:heard:${id}`

/**
 * Receipts for what was published on a channel: every process that heard it counts itself under a key. A purge resolves
 * once none of them has the answer in memory any more.
 */
export function createReceipts(link: RedisConnection, channel: string) {
  return {
    /**
     * Publishes a message that asks for a receipt, and waits for those of all listeners, for a second at most.
     * @throws RedisUnavailable
     */
    async collect(messageWith: (receipt: string) => string): Promise<void> {
      const id = randomBytes(9).toString('base64url')
      await link.run((client) => client.set(keyOf(id), 0, 'PX', KEPT_MS))
      const here = await link.run((client) => client.publish(channel, messageWith(id)))
      const listeners = (await link.run(async (client) => client.isCluster))
        ? await listenersOf(link, channel)
        : here
      const until = performance.now() + PATIENCE_MS
      while (listeners > 0 && performance.now() < until) {
        const heard = await link.run((client) => client.get(keyOf(id)))
        if (heard === null || Number(heard) >= listeners) return
        await sleep(POLL_MS)
      }
    },
    /** Says that this process has done what the message says. */
    give(id: string): void {
      link
        .run((client) => client.incr(keyOf(id)))
        .then(() => link.run((client) => client.pexpire(keyOf(id), KEPT_MS)))
        // Then the other waits its second.
        .catch(() => undefined)
    },
  }
}

/** Of all nodes of a cluster: each tells only of those that listen to itself. */
async function listenersOf(link: RedisConnection, channel: string): Promise<number> {
  const masters = await link.run(async (client) => primariesOf(client))
  const counts = await Promise.all(
    masters.map((master) => link.run(() => master.pubsub('NUMSUB', channel) as Promise<unknown[]>)),
  )
  return counts.reduce<number>((sum, [, count]) => sum + (typeof count === 'number' ? count : 0), 0)
}
