import type { Settings } from '../config/settings.ts'
import type { Log } from '../core/log-codes.ts'
import { createKeyProvider } from '../custody/key-provider.ts'
import type { RedisConnection } from '../redis/connection.ts'
import { acquireConnection } from '../redis/pool.ts'
import type { Fault } from '../util/faults.ts'
import { rateLimited } from '../util/log.ts'

/**
 * Creates the key provider of a gateway under custody; `undefined` without custody.
 * @param connection the gateway's connection. Absent in mode `direct`, which uses Redis for nothing else: one is opened.
 */
export function openKeyProvider(
  { custody, redis, deadlines }: Settings,
  connection: RedisConnection | undefined,
  log: Log,
  fault: Fault,
) {
  if (!custody || redis === undefined) return undefined
  const { redisMs: deadlineMs, connectMs } = deadlines
  const own =
    connection ?? acquireConnection(redis, { deadlineMs, connectMs, onChange: () => undefined, fault })
  const keyProvider = createKeyProvider(own, rateLimited(log))
  return {
    keyProvider,
    close() {
      keyProvider.close()
      if (connection === undefined) own.close()
    },
  }
}
