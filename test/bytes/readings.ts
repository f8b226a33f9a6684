import type OpenAI from 'openai'
import { foldOf } from '../conformance/fold.ts'
import { outcomeOf } from '../conformance/outcome.ts'
import { type Body, clientsOf, type Wire, wireOf } from '../hostile/wire.ts'
import { until } from '../support.ts'

/** One way of asking, and what came of it in a form that does not depend on how it was cut. */
export type Reading = (client: OpenAI) => Promise<unknown>

const ASK = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'x' }] }

/** Chunk by chunk: everything they say, joined. */
export const byChunk: Reading = (client) =>
  outcomeOf(async () => {
    const chunks: unknown[] = []
    for await (const chunk of await client.chat.completions.create({ ...ASK, stream: true }))
      chunks.push(unfinished(chunk))
    const { usage: _, ...sum } = foldOf(chunks) as Record<string, unknown>
    return sum
  })

/** Reads an empty `finish_reason` as absent: it finishes nothing. */
const unfinished = (chunk: OpenAI.Chat.ChatCompletionChunk): unknown =>
  JSON.parse(JSON.stringify(chunk), (key, value: unknown) =>
    key === 'finish_reason' && value === '' ? null : value,
  )

/** By the SDK's own accumulator. */
export const bySdk: Reading = (client) =>
  outcomeOf(async () => {
    const { usage: _, ...final } = await client.chat.completions.stream(ASK).finalChatCompletion()
    return JSON.parse(JSON.stringify(final))
  })

export type Four = {
  expected: unknown
  miss: unknown
  hit: unknown
  follower: unknown
  late: unknown
  calls: number
}

/**
 * The same bytes for the bare client, and for the gateway's: first, again, by one who joins in the middle, and by one
 * who joins before the last piece. `calls`: how often upstream was asked for the first and the second answer.
 */
export async function four(body: () => Body, read: Reading): Promise<Four> {
  const first = wireOf(body)
  const { bare, client } = clientsOf(first)
  const expected = await read(bare)
  const before = first.calls()
  const miss = await read(client)
  await client.gateway.flush()
  const hit = await read(client)
  const { length } = body().pieces
  return {
    expected,
    miss,
    hit,
    calls: first.calls() - before,
    follower: await joined(body, read, Math.floor(length / 2)),
    late: await joined(body, read, length - 1),
  }
}

/** What one is told who joins while upstream stands still before a piece; its leader is told the same, or it is an error. */
async function joined(body: () => Body, read: Reading, piece: number): Promise<unknown> {
  const wire: Wire = wireOf(body)
  const { client } = clientsOf(wire)
  wire.hold(Math.max(0, piece))
  const leading = read(client)
  await until(() => wire.held() > 0, 'upstream stands still')
  const following = read(client)
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  wire.release()
  const [leader, follower] = await Promise.all([leading, following])
  return JSON.stringify(leader) === JSON.stringify(follower) ? follower : { leader, follower }
}
