import { createHash } from 'node:crypto'
import type { Cluster, Redis } from 'ioredis'

export type RedisClient = Redis | Cluster

/**
 * Commands are rejected within 2 s whatever the server does, and none is sent twice: see ioredis's README for each option.
 * An idle socket stays open; one that is silent during a command for 4 s is replaced.
 */
const OPTIONS = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  commandTimeout: 2_000,
  socketTimeout: 4_000,
  connectTimeout: 2_000,
  lazyConnect: true,
} as const

/** Why a client has no connection. */
const lastErrors = new WeakMap<RedisClient, string>()

/** Returns why a command failed, for people: one that was not sent tells nothing but that, so the connection's error does. */
export function troubleOf(client: RedisClient, error: unknown): string {
  const message = error instanceof Error ? error.message : 'unknown error'
  return /^(Stream isn't writeable|Connection is closed)/.test(message)
    ? (lastErrors.get(client) ?? 'no connection')
    : message
}

/** Opens a client that goes on connecting in the background. Several addresses, separated by commas, are one cluster. */
export async function openRedis(url: string): Promise<RedisClient> {
  const [address = '', ...more] = url.split(',').map((part) => part.trim())
  const { Cluster, Redis } = await import('ioredis')
  const client =
    more.length === 0
      ? new Redis(address, { ...OPTIONS, retryStrategy: (tries) => Math.min(5_000, 100 * 2 ** tries) })
      : new Cluster([address, ...more], {
          enableOfflineQueue: false,
          lazyConnect: true,
          redisOptions: OPTIONS,
        })
  // Without a listener ioredis prints errors.
  client.on('error', ({ message }: Error) => void lastErrors.set(client, message))
  client.on('ready', () => void lastErrors.delete(client))
  await client.connect().catch(() => undefined)
  return client
}

/** Runs a Lua script: by its digest, or whole where the server does not know it yet. */
export async function runScript(
  client: RedisClient,
  source: string,
  keys: string[],
  args: (string | number)[],
): Promise<unknown> {
  const sha = createHash('sha1').update(source).digest('hex')
  try {
    return await client.evalsha(sha, keys.length, ...keys, ...args)
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
    return await client.eval(source, keys.length, ...keys, ...args)
  }
}

/** Returns the clock of the server, by which monitors go, in milliseconds since the epoch. */
export async function serverNow(client: RedisClient): Promise<number> {
  const [seconds, micros] = await client.time()
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000)
}

/** Returns the fields of an answer to INFO by name. */
export const infoFields = (info: string): Map<string, string> =>
  new Map([...info.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]))
