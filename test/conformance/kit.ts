import type { GatewayOptions } from '@hotdash/llm-gateway'
import type { FakeRequest } from '@hotdash/llm-gateway-testing'
import type OpenAI from 'openai'
import { afterAll, expect, test } from 'vitest'
import { isHostile } from '../hostile/under.ts'
import { sampled } from '../runs.ts'
import { ask } from '../support.ts'
import { foldOf } from './fold.ts'
import { outcomeOf } from './outcome.ts'
import { eventsOf } from './streams.ts'

/** HotDash's own policy allows HotDash's own models; here any may answer, and none is swapped for another. */
export const open: GatewayOptions = { policy: {} }

/** What upstream saw of a request. */
export const arrived = (requests: readonly FakeRequest[]) =>
  requests.map(({ method, path, query, headers, text }) => ({
    method,
    path,
    query: [...query],
    headers: { ...headers, host: '' },
    text,
  }))

/** How often our `fetch` is called, not how often it calls. */
export function counted(client: OpenAI): () => number {
  const inside = client as unknown as { fetch: typeof fetch }
  const door = inside.fetch
  let calls = 0
  inside.fetch = (...args) => {
    calls += 1
    return door(...args)
  }
  return () => calls
}

export const team = (limits: object): GatewayOptions => ({
  policy: { teams: { t: { agents: ['support'], ...limits } } },
})

type Ways = [name: string, (client: OpenAI, options?: OpenAI.RequestOptions) => Promise<unknown>][]

/** What had come before it broke, and how it broke. */
async function reading(stream: PromiseLike<AsyncIterable<unknown>>): Promise<unknown> {
  const chunks: unknown[] = []
  const end = await outcomeOf(async () => {
    for await (const chunk of await stream) chunks.push(structuredClone(chunk))
  })
  return { chunks, end }
}

export const ways: Ways = [
  ['chat', (client, options) => outcomeOf(() => client.chat.completions.create(ask('x'), options))],
  ['chat streamed', (client, options) => reading(client.chat.completions.create(streamed('x'), options))],
  [
    'chat .stream()',
    (client, options) =>
      outcomeOf(() => client.chat.completions.stream(streamed('x'), options).finalChatCompletion()),
  ],
  [
    'responses',
    (client, options) => outcomeOf(() => client.responses.create({ model: 'gpt-4o', input: 'x' }, options)),
  ],
  [
    'responses streamed',
    (client, options) =>
      reading(client.responses.create({ model: 'gpt-4o', input: 'x', stream: true }, options)),
  ],
  [
    'responses.stream()',
    (client, options) =>
      outcomeOf(async () => ({
        ...(await client.responses.stream({ model: 'gpt-4o', input: 'x' }, options).finalResponse()),
      })),
  ],
  [
    'completions streamed',
    (client, options) =>
      reading(client.completions.create({ model: 'm', prompt: 'x', stream: true }, options)),
  ],
  [
    'embeddings',
    (client, options) => outcomeOf(() => client.embeddings.create({ model: 'm', input: 'x' }, options)),
  ],
]

export const streamed = (content: string) => ({
  ...ask(content),
  stream: true as const,
  stream_options: { include_usage: true },
})

/** Streams of hits are cut into other pieces. */
export const normal = (outcome: unknown): unknown => {
  const { chunks, ...rest } = outcome as { chunks?: OpenAI.Responses.ResponseStreamEvent[] }
  if (chunks === undefined) return rest
  const isChat = chunks.some((chunk) => 'choices' in chunk)
  return { ...rest, sum: isChat ? foldOf(chunks) : eventsOf(chunks) }
}

/**
 * Returns the cases of a table to try: over a hostile way those that the run samples, otherwise `times` as many.
 * @default all
 */
export const tried = <T>(cases: readonly T[], times = Number.POSITIVE_INFINITY): readonly T[] =>
  sampled(cases, isHostile() ? 1 : times)

const unhandled: unknown[] = []
const note = (reason: unknown) => void unhandled.push(reason)

/** Adds a last test to the file: none of its promises was rejected without a handler. */
export function leavesNothingUnhandled() {
  process.on('unhandledRejection', note)
  afterAll(() => {
    process.off('unhandledRejection', note)
  })
  test('no promise is left unhandled', async () => {
    ;(globalThis as { gc?: () => void }).gc?.()
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(unhandled).toEqual([])
  })
}
