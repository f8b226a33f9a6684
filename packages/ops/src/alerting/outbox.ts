import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import claimSource from './claim.lua'
import enqueueSource from './enqueue.lua'
import { KEEP_MS, KEYS } from './keys.ts'
import { type RedisClient, runScript } from './redis.ts'
import settleSource from './settle.lua'

export const outboxMessageSchema = z.strictObject({
  /** Identity of the message: it is queued once. */
  id: z.string(),
  /** `mail`, or the name of a webhook. Addresses stay in the configuration of the monitor that delivers. */
  channel: z.string(),
  /** Whether the recipients of escalations get it, too. */
  escalates: z.boolean(),
  messageId: z.string(),
  /** Message-ID of the incident's first mail. Absent in that mail. */
  inReplyTo: z.string().exactOptional(),
  subject: z.string(),
  text: z.string(),
  html: z.string(),
  /** PNG in base64. Absent where the condition has no history. */
  chart: z.string().exactOptional(),
  /** Milliseconds since the epoch. */
  createdAt: z.number(),
  attempts: z.number(),
})
export type OutboxMessage = z.infer<typeof outboxMessageSchema>

export type Claim = { message: OutboxMessage; token: string }

const OUTBOX = [KEYS.outbox, KEYS.due, KEYS.claims]
const MAX_FAILED = 100

/** Queues messages. Those whose id was queued before, by any monitor, are ignored. Resolves how many were queued. */
export async function enqueue(client: RedisClient, messages: OutboxMessage[], now: number): Promise<number> {
  const pairs = messages.flatMap((message) => [message.id, JSON.stringify(message)])
  const keys = [KEYS.outbox, KEYS.due, KEYS.queued]
  return z.number().parse(await runScript(client, enqueueSource, keys, [now, KEEP_MS, ...pairs]))
}

/** Notes messages that were delivered while Redis was away: another monitor that queues them now does not send them. */
export async function noteDelivered(client: RedisClient, ids: string[], now: number): Promise<void> {
  if (ids.length === 0) return
  await client.zadd(KEYS.queued, 'NX', ...ids.flatMap((id) => [now, id]))
  await client.pexpire(KEYS.queued, KEEP_MS)
}

/**
 * Claims the message that is due first, for `leaseMs`: meanwhile no other monitor gets it. Resolves `undefined` where none
 * is due. A message that cannot be read is removed.
 */
export async function claim(client: RedisClient, now: number, leaseMs: number): Promise<Claim | undefined> {
  const token = randomUUID()
  for (;;) {
    const [id, json] = (await runScript(client, claimSource, OUTBOX, [now, leaseMs, token])) as string[]
    if (id === undefined) return undefined
    const message = parseMessage(json ?? '')
    if (message?.id === id) return { message, token }
    await runScript(client, settleSource, OUTBOX, [id, token, '', ''])
  }
}

function parseMessage(json: string): OutboxMessage | undefined {
  try {
    const parsed = outboxMessageSchema.safeParse(JSON.parse(json))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  }
}

/** Removes a delivered message. Resolves `false` where the claim was over and another monitor may deliver it, too. */
export async function markDelivered(client: RedisClient, { message, token }: Claim): Promise<boolean> {
  return (await runScript(client, settleSource, OUTBOX, [message.id, token, '', ''])) === 1
}

/** Makes a message due again at `dueAt`, in milliseconds since the epoch. */
export async function postpone(client: RedisClient, { message, token }: Claim, dueAt: number): Promise<void> {
  const json = JSON.stringify({ ...message, attempts: message.attempts + 1 })
  await runScript(client, settleSource, OUTBOX, [message.id, token, dueAt, json])
}

/** Removes a message that cannot be delivered, and keeps its subject and the reason in a list of the last 100. */
export async function giveUp(client: RedisClient, claimed: Claim, reason: string): Promise<void> {
  const { id, channel, subject } = claimed.message
  const entry = JSON.stringify({ id, channel, subject, reason })
  await client.lpush(KEYS.failed, entry)
  await client.ltrim(KEYS.failed, 0, MAX_FAILED - 1)
  await client.pexpire(KEYS.failed, KEEP_MS)
  await markDelivered(client, claimed)
}

export const queueLength = (client: RedisClient): Promise<number> => client.zcard(KEYS.due)
