import type { CallRecord, GatewayOptions } from '@hotdash/llm-gateway'
import type { Answer, FakeOpenAIOptions } from '@hotdash/llm-gateway-testing'
import { describe, expect, test } from 'vitest'
import { committed, count, inputOf, nano, policy, worstOf } from './cost/kit.ts'
import { price, type Share } from './cost/prices.ts'
import { type Setup, setup, until } from './support.ts'

const USAGE = { input: 1_000, cached: 200, output: 300, reasoning: 100 }
const question = (content: string, model = 'gpt-4o-mini') => ({
  model,
  messages: [{ role: 'user' as const, content }],
  max_tokens: 4_000,
})

const world = (gateway: GatewayOptions = {}, fake: FakeOpenAIOptions = {}) =>
  setup({ agent: 'ann', policy, ...gateway }, { logLevel: 'off' }, { tokens: 'exact', ...fake })

/** Whatever tells of money tells the same. Returns the record of the first call. */
async function agreeOn(
  { client, upstream, records }: Setup,
  expected: number,
  doubt = 0,
): Promise<CallRecord> {
  await client.gateway.flush()
  const record = records[0] as CallRecord
  expect(records.map(({ costUsd }) => nano(costUsd)).reduce((sum, cost) => sum + cost, 0)).toBe(expected)
  expect(nano(client.gateway.stats().costUsd)).toBe(expected)
  const own = records.length
  expect(await committed(client, upstream, 'one')).toBe(expected + doubt)
  await client.gateway.flush()
  records.splice(own)
  return record
}

async function drain(stream: AsyncIterable<unknown>) {
  for await (const _ of stream);
}

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

describe('what upstream never counted is estimated for the record; its worst case stays in the budget', () => {
  const TEXT = 'The order left on Tuesday and should be there by the end of the week.'

  test('a stream without usage', async () => {
    const it = await world({ policy: { ...policy, streamUsage: 'never' } })
    it.upstream.answer({ text: TEXT })
    const body = { ...question('Where is it?'), stream: true as const }
    await drain(await it.client.chat.completions.create(body))
    const cost = price('gpt-4o-mini', { input: inputOf('Where is it?'), output: count(TEXT) })
    const record = await agreeOn(it, cost, worstOf(body) - cost)
    expect(record).toMatchObject({ status: 'ok', estimated: true })
  })

  test.each(['cut', 'end', 'error-event', 'malformed'] as const)('a stream that breaks: %s', async (type) => {
    const it = await world()
    it.upstream.answer({ text: TEXT })
    // The first chunk brings the role, and each of the others a word.
    it.upstream.fail({ type, afterChunks: 6 })
    const body = { ...question('Where is it?'), stream: true as const }
    await drain(await it.client.chat.completions.create(body)).catch(() => undefined)
    const output = count(TEXT.split(' ').slice(0, 5).join(' '))
    const cost = price('gpt-4o-mini', { input: inputOf('Where is it?'), output })
    const record = await agreeOn(it, cost, worstOf(body) - cost)
    expect(record).toMatchObject({ estimated: true })
  })

  test('a stream whose caller leaves: what was produced in the record, all that may come in the budget', async () => {
    const it = await world()
    const event = (content: string) => {
      const choices = [{ index: 0, delta: { content }, finish_reason: null }]
      const chunk = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'gpt-4o-mini', choices }
      return `data: ${JSON.stringify(chunk)}\n\n`
    }
    it.upstream.answer({ chunks: [event('The order ') + event('left on Tuesday'), event(' never sent')] })
    it.upstream.fail({ type: 'hang', after: 'headers' })
    const body = { ...question('Where is it?'), stream: true as const }
    const stream = await it.client.chat.completions.create(body)
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content?.includes('Tuesday')) break
    await until(() => it.records.length > 0, 'its record')
    const output = count('The order left on Tuesday')
    const cost = price('gpt-4o-mini', { input: inputOf('Where is it?'), output })
    const record = await agreeOn(it, cost, worstOf(body) - cost)
    expect(record).toMatchObject({ status: 'aborted', estimated: true })
  })

  test('embeddings without usage cost their input, and no vector is taken for words', async () => {
    const fetch = (async (_: unknown, init?: RequestInit) => {
      const data = [
        { object: 'embedding', index: 0, embedding: Array.from({ length: 100 }, (_, at) => at / 7) },
      ]
      expect(init?.method).toBe('POST')
      return Response.json({ object: 'list', data, model: 'text-embedding-3-large' })
    }) as typeof globalThis.fetch
    const own = await setup({ agent: 'ann', policy }, { fetch })
    await own.client.embeddings.create({
      model: 'text-embedding-3-large',
      input: 'a few words',
      encoding_format: 'float',
    })
    await own.client.gateway.flush()
    expect(own.records[0]).toMatchObject({ estimated: true, usage: { output: 0 } })
    expect(nano(own.records[0]?.costUsd)).toBe(
      price('text-embedding-3-large', { input: count('a few words') }),
    )
  })
})

describe('several attempts', () => {
  const WAIT = { 'retry-after-ms': '1' }
  const { input, output, cached } = USAGE

  test('those that upstream refused cost nothing', async () => {
    const it = await world({ policy: { ...policy, routing: {} } })
    it.upstream.answer({ text: 'Yes.', usage: USAGE })
    it.upstream.fail({ type: 'status', status: 500, headers: WAIT }, { times: 2 })
    await it.client.chat.completions.create(question('q', 'gpt-4o'))
    const record = await agreeOn(it, price('gpt-4o', { input, output, cached }))
    expect(record.attempts.map(({ status }) => status)).toEqual([500, 500, 200])
  })

  test('one that timed out may have been read: its question is charged, and the rest of its worst case is in doubt', async () => {
    const it = await world({ policy: { ...policy, routing: {} } })
    it.upstream.answer({ text: 'Yes.', usage: USAGE })
    it.upstream.fail({ type: 'hang' })
    const body = question('Where is it?')
    await it.client.chat.completions.create(body, { timeout: 200 })
    const first = price('gpt-4o-mini', { input: inputOf('Where is it?') })
    const second = price('gpt-4o-mini', { input, output, cached })
    const record = await agreeOn(it, first + second, worstOf(body) - first)
    expect(record).toMatchObject({ status: 'ok', estimated: true })
    expect(record.attempts).toHaveLength(2)
  })

  test.each(['embedded', 'direct'] as const)(
    'one whose body took too long is in the same record as the one that took its place (%s)',
    async (mode) => {
      const it = await world({ mode, policy: { ...policy, routing: {} } })
      it.upstream.answer({ text: 'Yes.', usage: USAGE }, { text: 'Yes.', usage: USAGE })
      it.upstream.fail({ type: 'hang', after: 'headers' })
      // On a machine that does much else, the headers must arrive within it.
      await it.client.chat.completions.create(question('Where is it?'), { timeout: 2_000 })
      await it.client.gateway.flush()
      const second = price('gpt-4o-mini', { input, output, cached })
      expect(it.records).toHaveLength(1)
      expect(it.records[0]?.attempts.map(({ status }) => status)).toEqual([200, 200])
      expect(it.records[0]).toMatchObject({ status: 'ok', estimated: true })
      const cost = nano(it.records[0]?.costUsd)
      expect(cost).toBeGreaterThanOrEqual(price('gpt-4o-mini', { input: inputOf('Where is it?') }) + second)
      expect(nano(it.client.gateway.stats().costUsd)).toBe(cost)
    },
  )

  test('after a failover the model that answered is paid', async () => {
    const it = await world()
    it.upstream.answer({ text: 'Yes.', usage: USAGE })
    it.upstream.fail({ type: 'status', status: 503 })
    await it.client.chat.completions.create(question('q'))
    const record = await agreeOn(it, price('gpt-4o', { input, output, cached }))
    expect(record).toMatchObject({ route: 'failover', model: 'gpt-4o' })
  })

  test('a call that is given up before it leaves costs nothing, anywhere', async () => {
    const it = await world()
    const leave = AbortSignal.abort()
    await expect(it.client.chat.completions.create(question('q'), { signal: leave })).rejects.toThrow()
    const controller = new AbortController()
    const asked = it.client.chat.completions.create(question('q'), { signal: controller.signal })
    await Promise.resolve()
    controller.abort()
    await expect(asked).rejects.toThrow()
    await it.client.gateway.flush()
    const { requests } = it.upstream
    expect(nano(it.client.gateway.stats().costUsd)).toBe(
      requests.length * price('gpt-4o-mini', { input: inputOf('q') }),
    )
  })
})

describe('answers without a cost', () => {
  const { input, output, cached } = USAGE
  const cost = price('gpt-4o', { input, output, cached })

  test('a hit costs nothing, and saves what it would have cost', async () => {
    const it = await world()
    it.upstream.answer({ text: 'Yes.', usage: USAGE })
    for (let time = 0; time < 3; time += 1) await it.client.chat.completions.create(question('q', 'gpt-4o'))
    await agreeOn(it, cost)
    expect(it.records.map(({ costUsd, savedUsd }) => [nano(costUsd), nano(savedUsd)])).toEqual([
      [cost, 0],
      [0, cost],
      [0, cost],
    ])
  })

  test('of identical calls in flight one pays, and the others save', async () => {
    const it = await world({}, { latencyMs: 50 })
    it.upstream.answer({ text: 'Yes.', usage: USAGE })
    await Promise.all(
      Array.from({ length: 5 }, () => it.client.chat.completions.create(question('q', 'gpt-4o'))),
    )
    await agreeOn(it, cost)
    expect(nano(it.client.gateway.stats().savedUsd)).toBe(4 * cost)
    expect(it.upstream.count({ model: 'gpt-4o' })).toBe(1)
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
