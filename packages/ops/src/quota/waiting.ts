import { SPILL_KEY } from '../alerting/keys.ts'
import { openRedis } from '../alerting/redis.ts'

/** Returns the number of rows that wait in Redis for Supabase. @throws (rejects) where Redis cannot be reached */
export async function waitingRows(redis: string): Promise<number> {
  const client = await openRedis(redis)
  try {
    return await client.xlen(SPILL_KEY)
  } finally {
    client.disconnect()
  }
}
