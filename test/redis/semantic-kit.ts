import type { GatewayOptions } from '@hotdash/llm-gateway'
import { closeLater, opened } from '../closing.ts'
import { embedder } from '../semantic-embedder.ts'
import { ask, type Setup, setup } from '../support.ts'
import { type RedisServer, startRedis } from './server.ts'

export const ORIGINAL = 'Do you ship the wooden chairs to Norway?'
export const REWORDED = 'Do you ship wooden chairs to Norway?'
export const SECRET = 'shared by all processes'

export const server = async (): Promise<RedisServer> => opened(await startRedis())

export async function gateway(
  redis: RedisServer,
  semantic: object = {},
  more: GatewayOptions = {},
  client: { baseURL?: string } = {},
): Promise<Setup> {
  const settings: GatewayOptions = {
    redis: redis.url,
    metrics: false,
    quota: false,
    deadlines: { redisMs: 2_000 },
    policy: { cache: { semantic: { mode: 'on', threshold: 0.9, judge: false } } },
    cache: { semantic: { embedder, secret: SECRET, ...semantic } },
    ...more,
  }
  const it = await setup(settings, client)
  closeLater(() => it.client.gateway.close())
  return it
}

/** Asks, and waits for all that the question has begun, which takes longer than usual on a busy machine. */
export async function asking({ client, records }: Setup, question: string) {
  await client.chat.completions.create(ask(question))
  await client.gateway.flush(60_000)
  return records.at(-1)
}

/** Partitions are loaded in the background: the first question finds nothing. */
export async function warm(it: Setup) {
  await asking(it, 'Which woods do you use for tables?')
}

/** All processes ask one upstream, whose address is part of every partition. */
export async function two(redis: RedisServer, semantic: object = {}): Promise<[Setup, Setup]> {
  const one = await gateway(redis)
  const { baseURL } = one.upstream
  const other = await setup(
    {
      redis: redis.url,
      metrics: false,
      quota: false,
      deadlines: { redisMs: 2_000 },
      policy: { cache: { semantic: { mode: 'on', threshold: 0.9, judge: false } } },
      cache: { semantic: { embedder, secret: SECRET, ...semantic } },
    },
    { baseURL },
  )
  closeLater(() => other.client.gateway.close())
  return [one, other]
}
