import { randomUUID } from 'node:crypto'
import type { RedisConnection } from '../../redis/connection.ts'
import { subscribe } from '../../redis/pubsub.ts'
import { keptAlive } from '../../util/keep-alive.ts'
import { settlesWithin } from '../../util/timeout.ts'
import { withResolvers } from '../../util/with-resolvers.ts'
import type { PolicyStats } from './policy-stats.ts'
import { CHANNEL } from './store.ts'

/** What a running gateway says of itself. */
export type GatewayProcess = PolicyStats & {
  host: string
  pid: number
  /** Version of the package `@hotdash/llm-gateway`. */
  gateway: string
  /** Version of Node. */
  node: string
  /** The agent that the client was made for; absent: its calls name theirs. */
  agent?: string
  /** When the gateway was made, in milliseconds since the epoch. */
  startedAt: number
}

/** Answers to the question who is there. `asked`: gateways that received it, where Redis is one server. */
export type Presence = { asked: number; processes: GatewayProcess[] }

/** Longest answer that is read, in UTF-16 code units. */
const MAX_ANSWER_CHARS = 4_096
const MAX_ANSWERS = 10_000
const LISTENING_MS = 5_000
const QUESTION = /^who ([\da-f-]{36})$/

const answerChannel = (id: string) => `gw:policy:who:${id}`

/** Returns the channel that a message on the policy's channel asks to answer on; `undefined`: it is no question. */
export function answerChannelOf(message: string): string | undefined {
  const [, id] = QUESTION.exec(message) ?? []
  return id === undefined ? undefined : answerChannel(id)
}

/**
 * Asks all gateways that follow the live policy who they are, and waits until as many have answered as were asked, for
 * `waitMs` at most. Processes of versions before this question do not answer.
 *
 * @throws RedisUnavailable (rejects) when Redis cannot be reached
 */
export async function askWho(connection: RedisConnection, waitMs: number): Promise<Presence> {
  const id = randomUUID()
  const processes: GatewayProcess[] = []
  let asked: number | undefined
  const listening = withResolvers<void>()
  const answered = withResolvers<void>()
  const subscription = subscribe(connection, answerChannel(id), {
    onListening: listening.resolve,
    onMessage(message) {
      const process = parse(message)
      if (process !== undefined && processes.length < MAX_ANSWERS) processes.push(process)
      if (asked !== undefined && processes.length >= asked) answered.resolve()
    },
  })
  try {
    // Fails at once where Redis is not there.
    await connection.run((client) => client.ping())
    // The connection of messages does not keep the process alive.
    await keptAlive(settlesWithin, listening.promise, LISTENING_MS)
    asked = await connection.run((client) => client.publish(CHANNEL, `who ${id}`))
    if (processes.length < asked) await keptAlive(settlesWithin, answered.promise, waitMs)
    return { asked, processes }
  } finally {
    subscription.close()
  }
}

function parse(message: string): GatewayProcess | undefined {
  if (message.length > MAX_ANSWER_CHARS) return undefined
  try {
    const value = JSON.parse(message) as GatewayProcess
    const { host, pid, gateway, node, version, source, startedAt } = value
    const isOne =
      [host, gateway, node, source].every((each) => typeof each === 'string') &&
      [pid, version, startedAt].every((each) => Number.isFinite(each))
    return isOne ? value : undefined
  } catch {
    return undefined
  }
}
