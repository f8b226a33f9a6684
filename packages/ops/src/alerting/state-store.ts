import { randomBytes } from 'node:crypto'
import * as z from 'zod'
import commitSource from './commit.lua'
import { KEEP_MS, KEYS } from './keys.ts'
import leadSource from './lead.lua'
import type { OutboxMessage } from './outbox.ts'
import { type RedisClient, runScript } from './redis.ts'
import { type AlertState, EMPTY_STATE } from './step.ts'

export type StoredState = {
  /** Number of writes. 0: none yet. */
  revision: number
  state: AlertState
  /**
   * Name of the next outage of Redis, chosen in advance: monitors that cannot reach each other then give their incidents
   * the same ids, and their mails the same Message-IDs.
   */
  nextOutage: string
}

const alertSchema = z.object({
  alert: z.string(),
  labels: z.record(z.string(), z.string()),
  severity: z.enum(['critical', 'warning', 'info']),
  isActive: z.boolean(),
  value: z.number(),
  threshold: z.number(),
  unit: z.enum(['percent', 'seconds', 'usd', 'calls', 'days', 'rows', 'minutes', 'state']),
  text: z.string(),
  activeSince: z.number(),
  firingSince: z.number().exactOptional(),
  clearSince: z.number().exactOptional(),
  resolvedAt: z.number().exactOptional(),
  worst: z.number(),
})

const stateSchema = z.object({
  nextOutage: z.string().regex(/^[a-z0-9]{1,20}$/),
  pending: z.record(z.string(), alertSchema),
  incidents: z.record(
    z.string(),
    z.object({
      id: z.string(),
      alert: z.string(),
      openedAt: z.number(),
      members: z.record(z.string(), alertSchema),
      sent: z
        .object({
          firstAt: z.number(),
          lastAt: z.number(),
          count: z.number(),
          known: z.array(z.string()),
          escalatedAt: z.number().exactOptional(),
        })
        .exactOptional(),
    }),
  ),
})

/** Takes or renews the lease of the leader, which alone evaluates conditions. Resolves whether this instance leads. */
export async function lead(client: RedisClient, instance: string, leaseMs: number): Promise<boolean> {
  return (await runScript(client, leadSource, [KEYS.leader], [instance, leaseMs])) === 1
}

/** Reads the state of all alerts. A value that no monitor wrote counts as empty: alerts that still hold fire anew. */
export async function readState(client: RedisClient): Promise<StoredState> {
  const [revision, json] = await client.hmget(KEYS.state, 'revision', 'json')
  const parsed = stateSchema.safeParse(parseJson(json ?? ''))
  const { nextOutage, ...state } = parsed.data ?? { ...EMPTY_STATE, nextOutage: newIncidentSuffix() }
  return { revision: Number(revision ?? 0), state, nextOutage }
}

/** Returns a random suffix for the id of an incident. */
export const newIncidentSuffix = (): string => randomBytes(4).readUInt32BE().toString(36)

/**
 * Writes the next state and queues messages, atomically. Resolves `false`, and writes nothing, where another monitor
 * leads or has written since `revision`. After an error it is unknown whether it was written: read the state again.
 */
export async function commit(
  client: RedisClient,
  instance: string,
  { revision, state, nextOutage }: StoredState,
  messages: OutboxMessage[],
  now: number,
): Promise<boolean> {
  const keys = [KEYS.leader, KEYS.state, KEYS.outbox, KEYS.due, KEYS.queued]
  const pairs = messages.flatMap((message) => [message.id, JSON.stringify(message)])
  const args = [instance, revision, JSON.stringify({ ...state, nextOutage }), now, KEEP_MS, ...pairs]
  return (await runScript(client, commitSource, keys, args)) === 1
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
