import { createGatewayClient } from '@hotdash/llm-gateway'
import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { ask, setup } from './support.ts'

describe('retries and failover', () => {
  test('one create() against an upstream that always fails makes at most 2 + maxRetries attempts, in one record', async () => {
    const { client, upstream, records } = await setup()
    upstream.fail({ type: 'status', status: 500, headers: { 'retry-after-ms': '1' } }, { times: 99 })
    await expect(client.chat.completions.create(ask('x'))).rejects.toBeInstanceOf(OpenAI.InternalServerError)
    expect(upstream.requests.map(({ model }) => model)).toEqual(['gpt-4o-mini', 'gpt-4o', 'gpt-4o', 'gpt-4o'])
    await client.gateway.flush()
    expect(records).toHaveLength(1)
    expect(records[0]).toMatchObject({
      status: 'failed',
      httpStatus: 500,
      route: 'failover',
      model: 'gpt-4o',
    })
    expect(records[0]?.attempts).toHaveLength(4)
  })

  test('a model that fails is replaced once, and the response says so', async () => {
    const { client, upstream } = await setup()
    upstream.fail({ type: 'status', status: 503 })
    const { data, response } = await client.chat.completions.create(ask('x')).withResponse()
    expect(data.model).toBe('gpt-4o')
    expect(response.headers.get('x-gateway-route')).toBe('failover')
  })

  test('insufficient quota and bad requests do not fail over; a full context does', async () => {
    const { client, upstream } = await setup()
    upstream.fail({
      type: 'status',
      status: 429,
      code: 'insufficient_quota',
      headers: { 'x-should-retry': 'false' },
    })
    await expect(client.chat.completions.create(ask('a'))).rejects.toBeInstanceOf(OpenAI.RateLimitError)
    upstream.fail({ type: 'status', status: 400 })
    await expect(client.chat.completions.create(ask('b'))).rejects.toBeInstanceOf(OpenAI.BadRequestError)
    expect(upstream.count()).toBe(2)
    upstream.fail({ type: 'status', status: 400, code: 'context_length_exceeded' })
    await client.chat.completions.create(ask('c'))
    expect(upstream.count({ model: 'gpt-4o' })).toBe(1)
  })

  test("a refused connection surfaces as the SDK's own error, cause included", async () => {
    const client = createGatewayClient({ baseURL: 'http://127.0.0.1:1/v1', apiKey: 'k', maxRetries: 0 })
    const error = await client.chat.completions.create(ask('x')).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(OpenAI.APIConnectionError)
    expect(String((error as Error).cause)).toContain('fetch failed')
  })

  test('a retry is billed to the agent that made the call, not to the agent that awaited it', async () => {
    const { client, upstream, records } = await setup({ policy: { routing: {} } })
    const { withGateway } = await import('@hotdash/llm-gateway')
    upstream.fail({ type: 'status', status: 500, headers: { 'retry-after-ms': '1' } })
    const call = withGateway({ agent: 'maker' }, () => client.chat.completions.create(ask('x')))
    await withGateway({ agent: 'awaiter' }, async () => await call)
    await client.gateway.flush()
    expect(records).toMatchObject([{ agent: 'maker', status: 'ok' }])
    expect(records[0]?.attempts).toHaveLength(2)
  })
})

describe('the door', () => {
  test('withOptions stays governed when it overrides fetch, apiKey or baseURL, and shares the gateway', async () => {
    const { client, upstream } = await setup()
    let through = 0
    const counting: typeof fetch = (...args) => {
      through += 1
      return fetch(...args)
    }
    const child = client
      .withOptions({ fetch: counting, apiKey: 'other' })
      .withOptions({ baseURL: upstream.baseURL, timeout: 9_000 })
    const { response } = await child.chat.completions.create(ask('x')).withResponse()
    expect(response.headers.get('x-gateway-cache')).toBe('miss')
    expect([through, child.gateway]).toEqual([1, client.gateway])
    await child.withOptions({ maxRetries: 0 }).chat.completions.create(ask('x'))
    expect(upstream.count()).toBe(1)
    // A `fetch` of the program's own may ask another account than the same key does without it.
    const same = { fetch: undefined, apiKey: 'other' }
    await client.withOptions(same).chat.completions.create(ask('x'))
    expect([upstream.count(), through]).toEqual([2, 1])
    await client
      .withOptions({ maxRetries: 1 })
      .withOptions({ timeout: 5_000 })
      .chat.completions.create(ask('y'))
    expect(upstream.count()).toBe(3)
  })

  test('what is not governed goes through with the same Response: models, moderations, files', async () => {
    const { client } = await setup()
    const ids: string[] = []
    for await (const model of client.models.list()) ids.push(model.id)
    expect(ids).toContain('gpt-4o')
    const { response } = await client.moderations.create({ input: 'x' }).withResponse()
    expect(response.headers.get('x-gateway-cache')).toBeNull()
    expect(client.gateway.stats().passedThrough).toBe(2)
  })

  test("our headers and LiteLLM's body fields never reach OpenAI; its own metadata does", async () => {
    const { client, upstream, records } = await setup()
    const { gatewayOptions } = await import('@hotdash/llm-gateway')
    const body = {
      ...ask('x'),
      cache: { 'no-store': true },
      metadata: { trace_id: 'T', mine: 'kept', tags: ['a'] },
    }
    await client.chat.completions.create(body as never, gatewayOptions({ session: 'Søren 漢', tags: ['b'] }))
    const [request] = upstream.requests
    expect(request?.body).toEqual({ ...ask('x'), metadata: { mine: 'kept' } })
    expect(Object.keys(request?.headers ?? {}).filter((name) => name.startsWith('x-gateway'))).toEqual([])
    await client.gateway.flush()
    expect(records).toMatchObject([{ session: 'Søren 漢', trace: 'T', tags: ['b', 'a'] }])
    await client.chat.completions.create(ask('x'))
    expect(upstream.count()).toBe(2)
  })

  test('the bytes of the body stay as they were, but for the model', async () => {
    const { client, upstream } = await setup()
    const source = '{ "messages":[{"role":"user","content":"\\u0068i"}],  "seed": 9007199254740993 }'
    await client.post('/chat/completions', {
      body: Buffer.from(source),
      headers: { 'content-type': 'application/json' },
    })
    expect(upstream.requests[0]?.text).toBe(
      '{ "messages":[{"role":"user","content":"\\u0068i"}],  "seed": 9007199254740993,"model":"gpt-4o-mini" }',
    )
  })

  test('the gateway adds no key to an inspected or enumerated client', async () => {
    const { client, bare } = await setup()
    expect(Object.keys(client)).toEqual(Object.keys(bare))
  })
})

describe('Responses', () => {
  test("what an answer echoes of its request is each reader's own", async () => {
    const { client, upstream } = await setup()
    const body = { model: 'gpt-4o-mini', input: 'x' }
    await client.responses.create({ ...body, metadata: { who: 'A' }, user: 'a', safety_identifier: 'sa' })
    const hit = await client.responses.create({ ...body, metadata: { who: 'B' }, prompt_cache_key: 'k' })
    expect(hit).toMatchObject({
      metadata: { who: 'B' },
      user: null,
      safety_identifier: null,
      prompt_cache_key: 'k',
    })
    expect(upstream.count()).toBe(1)
  })

  test('store: false and its absence do not share an answer, and store: true is never stored here', async () => {
    const { client, upstream } = await setup()
    const body = { model: 'gpt-4o-mini', input: 'x' }
    for (const store of [undefined, false, true, undefined, false, true])
      await client.responses.create(store === undefined ? body : { ...body, store })
    expect(upstream.count()).toBe(4)
  })

  test.each([
    ['', {}, {}],
    ['that has a query by default, as on Azure,', { defaultQuery: { 'api-version': '1' } }, {}],
    ['deleted with a query', {}, { query: { a: '/b' } }],
  ])('deleting a response %s forgets its entry', async (_, options, deletion) => {
    const { client, upstream } = await setup({}, options)
    const body = { model: 'gpt-4o-mini', input: 'x' }
    const { id } = await client.responses.create(body)
    await client.gateway.flush()
    await client.responses.delete(id, deletion)
    await client.responses.create(body)
    expect(upstream.count({ path: '/v1/responses' })).toBe(2)
  })

  test('stateful calls and hosted tools bypass the cache', async () => {
    const { client, upstream } = await setup()
    const body = { model: 'gpt-4o-mini', input: 'x' }
    const cases = [
      { previous_response_id: 'resp_1' },
      { background: true },
      { tools: [{ type: 'web_search' as const }] },
      { conversation: 'conv_1' },
    ]
    for (const extra of cases)
      for (let twice = 0; twice < 2; twice += 1) await client.responses.create({ ...body, ...extra } as never)
    expect(upstream.count()).toBe(8)
  })
})
