import type { Answer } from '@hotdash/llm-gateway-testing'
import { describe, expect, test } from 'vitest'
import { committed, count, policy } from './cost/kit.ts'
import { price, type Share } from './cost/prices.ts'
import { agreeOn, drain, question, USAGE, world } from './cost/world.ts'
import { type Setup, setup } from './support.ts'

type Ask = (world: Setup) => Promise<unknown>

describe('every shape costs what its usage says', () => {
  const whole = { ...USAGE }
  test.each<[string, string, Ask, Answer['usage']]>([
    ['chat', 'gpt-4o', ({ client }) => client.chat.completions.create(question('q', 'gpt-4o')), whole],
    [
      'chat, streamed with usage',
      'gpt-4o',
      async ({ client }) =>
        await drain(
          await client.chat.completions.create({
            ...question('q', 'gpt-4o'),
            stream: true,
            stream_options: { include_usage: true },
          }),
        ),
      whole,
    ],
    [
      'chat, streamed without usage, which is asked for in secret',
      'gpt-4o-mini',
      async ({ client }) =>
        await drain(await client.chat.completions.create({ ...question('q'), stream: true })),
      whole,
    ],
    [
      'Responses, thinking',
      'o4-mini',
      ({ client }) => client.responses.create({ model: 'o4-mini', input: 'q' }),
      whole,
    ],
    [
      'Responses, streamed and thinking',
      'o4-mini',
      async ({ client }) =>
        await drain(await client.responses.create({ model: 'o4-mini', input: 'q', stream: true })),
      whole,
    ],
    [
      'completions',
      'gpt-3.5-turbo-instruct',
      ({ client }) => client.completions.create({ model: 'gpt-3.5-turbo-instruct', prompt: 'q' }),
      { input: 1_000, output: 300 },
    ],
    [
      'completions, streamed',
      'gpt-3.5-turbo-instruct',
      async ({ client }) =>
        await drain(
          await client.completions.create({ model: 'gpt-3.5-turbo-instruct', prompt: 'q', stream: true }),
        ),
      { input: 1_000, output: 300 },
    ],
  ])('%s', async (_, model, call, usage = {}) => {
    const it = await world({ policy: { ...policy, streamUsage: 'always' } })
    it.upstream.answer({ text: 'An answer.', usage })
    await call(it)
    const { input = 0, output = 0, cached = 0 } = usage
    const record = await agreeOn(it, price(model, { input, output, cached }))
    expect(record).toMatchObject({ status: 'ok', estimated: false, model, usage: { input, output } })
  })

  test('embeddings', async () => {
    const it = await world()
    await it.client.embeddings.create({
      model: 'text-embedding-3-large',
      input: ['a few words', 'and some more'],
    })
    const input = count('a few words') + count('and some more')
    await agreeOn(it, price('text-embedding-3-large', { input }))
  })

  test('an embedding of 11 tokens at $0.13 a million costs $0.00000143, and is not rounded up', async () => {
    const fetch = (async () =>
      Response.json({
        object: 'list',
        data: [{ object: 'embedding', index: 0, embedding: [0.5] }],
        model: 'text-embedding-3-large',
        usage: { prompt_tokens: 11, total_tokens: 11 },
      })) as typeof globalThis.fetch
    const { client, records } = await setup({ agent: 'ann', policy }, { fetch })
    const body = { model: 'text-embedding-3-large', input: 'some words', encoding_format: 'float' } as const
    const first = await client.embeddings.create(body).withResponse()
    const second = await client.embeddings.create(body).withResponse()
    await client.gateway.flush()
    expect(records.map(({ costUsd, savedUsd }) => [costUsd, savedUsd])).toEqual([
      [0.00000143, 0],
      [0, 0.00000143],
    ])
    expect(client.gateway.stats()).toMatchObject({ costUsd: 0.00000143, savedUsd: 0.00000143 })
    expect(first.response.headers.get('x-gateway-cost-usd')).toBe('0.00000143')
    expect(second.response.headers.get('x-gateway-cost-usd')).toBe('0.000000')
    expect(second.response.headers.get('x-gateway-saved-usd')).toBe('0.00000143')
  })

  test('a whole answer says so in its headers', async () => {
    const it = await world()
    it.upstream.answer({ text: 'Yes.', usage: USAGE })
    const { response } = await it.client.chat.completions.create(question('q', 'gpt-4o')).withResponse()
    const { input, output, cached } = USAGE
    expect(response.headers.get('x-gateway-cost-usd')).toBe(
      (price('gpt-4o', { input, output, cached }) / 1e9).toFixed(6),
    )
  })
})

describe('service tiers', () => {
  const answered = (service_tier: string | null) => ({
    body: {
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model: 'gpt-4o',
      choices: [
        { index: 0, message: { role: 'assistant', content: 'Yes.', refusal: null }, finish_reason: 'stop' },
      ],
      usage: { prompt_tokens: 1_000, completion_tokens: 300, total_tokens: 1_300 },
      ...(service_tier === null ? {} : { service_tier }),
    },
  })
  test.each([
    ['default', 'default', [1, 1]],
    ['auto', 'default', [1, 1]],
    ['flex', 'flex', [1, 2]],
    ['priority', 'priority', [17, 10]],
    ['fast', 'priority', [17, 10]],
    ['priority', 'default', [1, 1]],
    ['flex', 'default', [1, 1]],
    ['flex', null, [1, 2]],
    ['fast', null, [17, 10]],
  ] as const)('asked for %s, answered at %s: %s of the price', async (asked, given, share: Share) => {
    const it = await world()
    it.upstream.answer(answered(given))
    await it.client.chat.completions.create({ ...question('q', 'gpt-4o'), service_tier: asked as 'auto' })
    const told = price('gpt-4o', { input: 1_000, output: 300 }, share)
    // A tier that was asked for and not named may have been the usual one after all.
    const usual = price('gpt-4o', { input: 1_000, output: 300 })
    const record = await agreeOn(it, told, given === null ? Math.max(0, usual - told) : 0)
    expect(record.estimated).toBe(false)
  })
})

describe('what has no price in tokens', () => {
  const response = (output: object[]) => ({
    body: {
      id: 'resp_1',
      object: 'response',
      created_at: 1,
      status: 'completed',
      model: 'gpt-4o',
      output,
      usage: { input_tokens: 100, output_tokens: 10, total_tokens: 110 },
    },
  })
  const searching = {
    model: 'gpt-4o',
    input: 'q',
    tools: [{ type: 'web_search' as const }],
  }
  const message = { id: 'm', type: 'message', role: 'assistant', status: 'completed', content: [] }

  test('calls of hosted tools are billed by the call: their cost is unknown, and says so', async () => {
    const it = await world()
    it.upstream.answer(response([{ type: 'web_search_call', id: 'ws', status: 'completed' }, message]))
    await it.client.responses.create(searching)
    await it.client.chat.completions.create({ ...question('q', 'gpt-4o'), web_search_options: {} })
    await it.client.gateway.flush()
    for (const record of it.records) expect(record).not.toHaveProperty('costUsd')
    expect(it.records[0]?.usage?.hostedCalls).toBe(1)
    expect(it.client.gateway.stats().unpriced).toBe(2)
    expect(await committed(it.client, it.upstream, 'one')).toBeGreaterThan(
      price('gpt-4o', { input: 100, output: 10 }),
    )
  })

  test('a tool that was offered and not called costs nothing', async () => {
    const it = await world()
    it.upstream.answer(response([message]))
    await it.client.responses.create(searching)
    await agreeOn(it, price('gpt-4o', { input: 100, output: 10 }))
  })
})
