import type { GatewayOptions } from '@hotdash/llm-gateway'
import { closeLater } from '../closing.ts'
import { embedder } from '../semantic-embedder.ts'
import { type Setup, setup } from '../support.ts'
import { asking, SECRET } from './semantic-kit.ts'
import type { RedisServer } from './server.ts'

export const OTHER = 'Which woods do you use for tables?'

export async function gateway(
  redis: RedisServer,
  baseURL?: string,
  more: GatewayOptions = {},
): Promise<Setup> {
  const it = await setup(
    {
      redis: redis.url,
      metrics: false,
      quota: false,
      deadlines: { redisMs: 120_000, connectMs: 120_000 },
      policy: { cache: { exact: false, semantic: { mode: 'on', threshold: 0.9, judge: false } } },
      cache: { semantic: { embedder, secret: SECRET, deadlineMs: 120_000 } },
      ...more,
    },
    baseURL === undefined ? {} : { baseURL },
  )
  closeLater(() => it.client.gateway.close())
  return it
}

/** A process that starts now: its first question has the partition loaded. */
export async function newcomer(
  redis: RedisServer,
  { upstream }: Setup,
  more: GatewayOptions = {},
): Promise<Setup> {
  const it = await gateway(redis, upstream.baseURL, more)
  await asking(it, OTHER)
  return it
}

/** The one partition there is, and its one entry. */
export async function placeOf({ admin }: RedisServer) {
  const [key = ''] = await admin.keys('gw:{*}:s:*:*')
  const name = key.slice(0, key.lastIndexOf(':'))
  return { key, name, id: key.slice(name.length + 1), value: (await admin.getBuffer(key)) ?? Buffer.alloc(0) }
}
