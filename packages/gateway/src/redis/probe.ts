import type { RedisClient } from './connect.ts'
import { isReply } from './errors.ts'

/** Error replies of a server that cannot work at present, as opposed to errors about the command. */
export const INCAPABLE =
  /^(READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|NOREPLICAS|NOAUTH|WRONGPASS|MISCONF|ERR max)/
const PROBE_KEY = 'gw:{probe}:write'

/**
 * A replica, or a server that lost its password or its disk, still answers PING: only a write tells. This one leaves
 * nothing behind.
 */
export async function probe(client: RedisClient): Promise<void> {
  try {
    await client.unlink(PROBE_KEY)
  } catch (error) {
    // A server that forbids this key may still do its other work.
    if (!isReply(error) || INCAPABLE.test(error.message)) throw error
  }
}
