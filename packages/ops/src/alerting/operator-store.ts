import { KEEP_MS, KEYS } from './keys.ts'
import type { RedisClient } from './redis.ts'
import { type Acknowledgement, acknowledgementSchema, type Silence, silenceSchema } from './silence.ts'
import { parseJson } from './state-store.ts'

/** Reads all silences that are in force at `now`. Values that no tool wrote are ignored. */
export async function readSilences(client: RedisClient, now: number): Promise<Silence[]> {
  return Object.values(await client.hgetall(KEYS.silences)).flatMap((json) => {
    const { data } = silenceSchema.safeParse(parseJson(json))
    return data !== undefined && data.until > now ? [data] : []
  })
}

/** Stores a silence, and deletes those that have ended. */
export async function addSilence(client: RedisClient, silence: Silence): Promise<void> {
  const current = await readSilences(client, silence.createdAt)
  const stored = await client.hkeys(KEYS.silences)
  const ended = stored.filter((id) => !current.some((one) => one.id === id))
  if (ended.length > 0) await client.hdel(KEYS.silences, ...ended)
  await client.hset(KEYS.silences, silence.id, JSON.stringify(silence))
  await client.pexpire(KEYS.silences, Math.max(KEEP_MS, silence.until - silence.createdAt))
}

/** Resolves whether there was such a silence. */
export async function removeSilence(client: RedisClient, id: string): Promise<boolean> {
  return (await client.hdel(KEYS.silences, id)) === 1
}

/** Reads all acknowledgements by incident. */
export async function readAcknowledgements(client: RedisClient): Promise<Map<string, Acknowledgement>> {
  const all = Object.values(await client.hgetall(KEYS.acknowledgements)).flatMap((json) => {
    const { data } = acknowledgementSchema.safeParse(parseJson(json))
    return data === undefined ? [] : [data]
  })
  return new Map(all.map((one) => [one.incident, one]))
}

export async function acknowledge(client: RedisClient, acknowledgement: Acknowledgement): Promise<void> {
  await client.hset(KEYS.acknowledgements, acknowledgement.incident, JSON.stringify(acknowledgement))
  await client.pexpire(KEYS.acknowledgements, KEEP_MS)
}
