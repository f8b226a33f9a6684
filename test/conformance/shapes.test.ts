import { createGatewayClient } from '@hotdash/llm-gateway'
import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { ask, setup } from '../support.ts'
import { foldOf } from './fold.ts'
import { leavesNothingUnhandled, open, streamed, team, tried } from './kit.ts'
import { body as raw, serve } from './raw.ts'
import { STREAMS } from './raw-streams.ts'
import { CHATS, COMPLETIONS, RESPONSES, uncached } from './requests.ts'
import { all, chatOf, eventsOf, textsOf } from './streams.ts'

describe('streams of unusual pieces add up to the same answer, live and given again', () => {
  test.each(tried(Object.entries(STREAMS)))('%s', async (name, source) => {
    const { baseURL, count } = await serve(raw(source, { 'content-type': 'text/event-stream' }))
    const options = { baseURL, apiKey: 'k', maxRetries: 0 }
    const client = createGatewayClient({ ...options, gateway: { policy: {} } })
    const run = async (of: OpenAI) => await all(await of.chat.completions.create(streamed('x')))
    const expected = await run(new OpenAI(options))
    expect(await run(client)).toStrictEqual(expected)
    const sum = foldOf(expected)
    // The first time, tokens are counted for as long as the tokeniser takes to load; until then the flight can be joined.
    await client.gateway.flush()
    const again = await run(client)
    expect(foldOf(again)).toEqual(sum)
    expect(await chatOf(again)).toEqual(await chatOf(expected))
    const plain = await all(await client.chat.completions.create({ ...ask('x'), stream: true }))
    const { usage, ...rest } = sum as { usage?: unknown }
    const { usage: _, ...got } = foldOf(plain) as { usage?: unknown }
    expect(got).toEqual(rest)
    // Asked again for the usage where the stream had told none, and each time where it said nothing at all, or a field
    // in pieces of which the SDK's own snapshot keeps but the last.
    const isStored = name !== 'an empty answer' && !name.includes('do not know')
    expect(count()).toBe(!isStored ? 4 : usage === undefined ? 3 : 2)
  })
})

describe('a hit’s Response is dressed as upstream’s', () => {
  const asks: [string, (client: OpenAI) => Promise<Response>][] = [
    ['chat', (client) => client.chat.completions.create(ask('x')).asResponse()],
    ['chat streamed', (client) => client.chat.completions.create(streamed('x')).asResponse()],
    ['responses', (client) => client.responses.create({ model: 'gpt-4o', input: 'x' }).asResponse()],
    ['embeddings', (client) => client.embeddings.create({ model: 'm', input: 'x' }).asResponse()],
  ]
  test.each(tried(asks))('%s', async (_, run) => {
    const { client, bare, upstream } = await setup(open)
    const show = async (of: OpenAI) => {
      const { url, status, statusText } = await run(of)
      return { url, status, statusText }
    }
    const expected = await show(bare)
    upstream.reset()
    await (await run(client)).text()
    expect(await show(client)).toEqual(expected)
    expect(upstream.count()).toBe(1)
  })

  test('a refusal has an x-request-id and an address, too', async () => {
    const { client, upstream } = await setup(team({ models: ['none'] }))
    let seen: Response | undefined
    const inside = client as unknown as { fetch: typeof fetch }
    const door = inside.fetch
    inside.fetch = async (...args) => {
      seen = await door(...args)
      return seen
    }
    const error = await client.chat.completions.create(ask('x')).catch((error: unknown) => error)
    expect((error as InstanceType<typeof OpenAI.APIError>).requestID).toEqual(expect.any(String))
    expect(seen?.url).toBe(`${upstream.baseURL}/chat/completions`)
  })
})

describe('an answer in one shape, asked for in the other', () => {
  const keep = <T>(cases: Record<string, T>) =>
    Object.entries(cases)
      .filter(([name]) => !uncached.has(name))
      .map(([name, params]) => ({ name, params }))
  const usage = { stream: true as const, stream_options: { include_usage: true } }

  /** The fake's numbers differ between its shapes; its tokens do not. */
  const quiet = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value), (key, inner: unknown) => (key === 'logprob' ? 0 : inner))

  type Shapes = { whole: (of: OpenAI) => Promise<unknown>; stream: (of: OpenAI) => Promise<unknown> }
  const shapes: (Shapes & { name: string })[] = [
    ...keep(CHATS).map(({ name, params }) => ({
      name: `chat, ${name}`,
      whole: async (of: OpenAI) => await of.chat.completions.create(params),
      stream: async (of: OpenAI) =>
        await chatOf(await all(await of.chat.completions.create({ ...params, ...usage }))),
    })),
    ...keep(RESPONSES).map(({ name, params }) => ({
      name: `responses, ${name}`,
      whole: async (of: OpenAI) => await of.responses.create(params),
      stream: async (of: OpenAI) => {
        const events: OpenAI.Responses.ResponseStreamEvent[] = []
        const stream = of.responses.stream({ ...params, stream: true })
        stream.on('event', (event) => events.push(structuredClone(event)))
        return { final: { ...(await stream.finalResponse()) }, events: eventsOf(events) }
      },
    })),
    ...keep(COMPLETIONS).map(({ name, params }) => ({
      name: `completions, ${name}`,
      whole: async (of: OpenAI) => await of.completions.create(params),
      stream: async (of: OpenAI) => textsOf(await all(await of.completions.create({ ...params, ...usage }))),
    })),
  ]

  test.each(tried(shapes))('stored whole, then streamed: $name', async ({ whole, stream }) => {
    const { client, bare, upstream } = await setup(open)
    const expected = await stream(bare)
    upstream.reset()
    await whole(client)
    expect(quiet(await stream(client))).toEqual(quiet(expected))
    expect(upstream.count()).toBe(1)
  })

  test.each(tried(shapes))('stored from a stream, then whole: $name', async ({ whole, stream }) => {
    const { client, bare, upstream } = await setup(open)
    const expected = await whole(bare)
    upstream.reset()
    await stream(client)
    expect(quiet(await whole(client))).toEqual(quiet(expected))
    expect(upstream.count()).toBe(1)
  })

  test.each(tried(shapes))('both at once, either first: $name', async ({ whole, stream }) => {
    const { client, bare, upstream } = await setup(open, {}, { latencyMs: 20 })
    const expected = [await whole(bare), await stream(bare)]
    upstream.reset()
    expect(quiet(await Promise.all([whole(client), stream(client)]))).toEqual(quiet(expected))
    expect(upstream.count()).toBe(1)
    const second = await setup(open, {}, { latencyMs: 20 })
    const flipped = await Promise.all([stream(second.client), whole(second.client)])
    expect(quiet(flipped.toReversed())).toEqual(quiet(expected))
    expect(second.upstream.count()).toBe(1)
  })

  const mute = { ...ask('x'), stream: true as const }
  const tells: [string, (of: OpenAI) => Promise<unknown>][] = [
    ['whole', async (of) => await of.chat.completions.create(ask('x'))],
    [
      'streamed with usage',
      async (of) => await chatOf(await all(await of.chat.completions.create(streamed('x')))),
    ],
  ]
  test.each(tried(tells))(
    'after a stream that told no usage, one who must be told is told: %s',
    async (shape, run) => {
      // In flight, one upstream call for all goes before the usage of whole followers; the docs say so.
      for (const together of shape === 'whole' ? [false] : [false, true]) {
        const { client, bare } = await setup(open, {}, { latencyMs: 20 })
        const expected = await run(bare)
        const first = client.chat.completions.create(mute).then(all)
        // Its last event ends the stream for the SDK; the flight ends with the body, a moment later.
        if (!together) await first.then(() => client.gateway.flush())
        expect(await run(client)).toEqual(expected)
        await first
      }
    },
  )
})

leavesNothingUnhandled()
