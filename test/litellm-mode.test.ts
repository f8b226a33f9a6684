import {
  type CallRecord,
  createGateway,
  createGatewayClient,
  type GatewayOptions,
  gatewayOptions,
  withGateway,
} from '@hotdash/llm-gateway'
import OpenAI from 'openai'
import { expect, test, vi } from 'vitest'
import { chat, type Said, type Seen, standIn, stream } from './litellm/stand-in.ts'
import { ask } from './support.ts'

async function behind(
  answer: (seen: Seen, nth: number) => Said | Promise<Said>,
  gateway: GatewayOptions = {},
) {
  const { url, seen } = await standIn(answer)
  const records: CallRecord[] = []
  const client = createGatewayClient({
    apiKey: 'the-key-of-openai',
    gateway: {
      mode: 'litellm',
      agent: 'support',
      litellm: { baseURL: url, apiKey: 'sk-team' },
      onCall: (record) => void records.push(record),
      ...gateway,
    },
  })
  return { url, seen, records, client }
}

test('the key of OpenAI stays here, and the team key goes to the proxy alone', async () => {
  const { client, seen } = await behind(() => ({ body: chat('yes') }))
  await client.chat.completions.create(ask('a'))
  await client.models.list().catch(() => undefined)
  await client.chat.completions.create(ask('b'), gatewayOptions({ key: 'sk-other' }))
  expect(seen.map(({ path, headers }) => [path, headers.authorization])).toEqual([
    ['/v1/chat/completions', 'Bearer sk-team'],
    ['/v1/models', 'Bearer sk-team'],
    ['/v1/chat/completions', 'Bearer sk-other'],
  ])
  expect(JSON.stringify(seen)).not.toMatch(/the-key-of-openai|x-gateway/)
})

test('controls become LiteLLM fields, in one order of members', async () => {
  const { client, seen } = await behind(() => ({ body: chat('yes') }))
  const context = {
    session: 'S-1',
    user: 'ann',
    trace: 'T-1',
    tags: ['a'],
    cache: { ttl: 60.9, maxAge: 5, namespace: 'n' },
  }
  await withGateway(context, () =>
    client.chat.completions.create({
      temperature: 0,
      ...ask('a'),
      metadata: { trace_name: 'mine', order: '17' },
    }),
  )
  expect(Object.keys(seen[0]?.body ?? {})).toEqual(['cache', 'messages', 'metadata', 'model', 'temperature'])
  expect(seen[0]?.body.cache).toEqual({ ttl: 60, 's-maxage': 5, namespace: 'prod_customer:n' })
  expect(seen[0]?.body.metadata).toMatchObject({
    trace_id: 'T-1',
    session_id: 'S-1',
    trace_user_id: 'ann',
    tags: ['a'],
    trace_name: 'mine',
    order: '17',
    spend_logs_metadata: { agent: 'support' },
  })
})

test('what must not be shared is neither looked for nor stored by the proxy', async () => {
  const policy = { agents: { private: { cache: false as const } } }
  const { client, seen } = await behind(() => ({ body: chat('yes') }), { policy })
  await client.chat.completions.create({ ...ask('stored upstream'), store: true })
  await client.chat.completions.create(ask('off'), gatewayOptions({ agent: 'private' }))
  await client.chat.completions.create(ask('per call'), gatewayOptions({ cache: false }))
  const none = { 'no-cache': true, 'no-store': true }
  expect(seen.map(({ body }) => body.cache)).toMatchObject([none, none, none])
})

test('where users are kept apart, the proxy keeps each in a namespace of its own, and caches nothing for calls without a user', async () => {
  const policy = { cache: { sharedBetweenUsers: false } }
  const { client, seen } = await behind(() => ({ body: chat('yes') }), { policy })
  for (const user of ['ann', 'bob', 'ann']) await client.chat.completions.create({ ...ask('a'), user })
  await client.chat.completions.create(ask('a'), gatewayOptions({ session: 'ann' }))
  await client.chat.completions.create(ask('a'))
  const caches = seen.map(({ body }) => body.cache as { namespace?: string })
  const [ann, bob, again, session] = caches.map(({ namespace }) => namespace)
  expect(again).toBe(ann)
  expect(new Set([ann, bob, session]).size).toBe(3)
  expect(caches[4]).toEqual({ 'no-cache': true, 'no-store': true })
})

test('metadata of a Response is upstream’s; LiteLLM is told beside it', async () => {
  const { client, seen } = await behind(() => ({ body: { id: 'resp_1', object: 'response', output: [] } }))
  await client.responses.create({ model: 'gpt-4o-mini', input: 'a', metadata: { order: '17' } })
  expect(seen[0]?.body.metadata).toEqual({ order: '17' })
  expect(seen[0]?.body.litellm_metadata).toMatchObject({ spend_logs_metadata: { agent: 'support' } })
})

test('a hit is known by its key, costs nothing whatever its headers say, and tells what it saved', async () => {
  const { client, records } = await behind(() => ({
    body: chat('yes'),
    headers: { 'x-litellm-cache-key': 'prod_customer:abc', 'x-litellm-response-cost': '3.39e-05' },
  }))
  const { response } = await client.chat.completions.create(ask('a')).withResponse()
  expect(response.headers.get('x-gateway-cache')).toBe('exact')
  expect(response.headers.get('x-gateway-cost-usd')).toBe('0.000000')
  expect(response.headers.get('x-request-id')).toBe('call-1')
  await client.gateway.flush()
  expect(records[0]).toMatchObject({
    cache: 'exact',
    costUsd: 0,
    savedUsd: 0.000135,
    cacheKey: 'prod_customer:abc',
  })
})

test('a similarity of nothing is no semantic hit', async () => {
  const of = (similarity: string, key: Record<string, string>) => ({
    body: chat('yes'),
    headers: { 'x-litellm-semantic-similarity': similarity, ...key },
  })
  const hit = { 'x-litellm-cache-key': 'k' }
  const { client } = await behind(
    (_, nth) => [of('0.0', {}), of('0.97', hit), of('0.0', hit)][nth - 1] as Said,
  )
  const seen = []
  for (const question of ['a', 'b', 'c']) {
    const { response } = await client.chat.completions.create(ask(question)).withResponse()
    seen.push([response.headers.get('x-gateway-cache'), response.headers.get('x-gateway-similarity')])
  }
  expect(seen).toEqual([
    ['miss', null],
    ['semantic', '0.9700'],
    ['exact', null],
  ])
})

test('the usage of a stream is requested and counted, and hidden from callers that did not request it', async () => {
  const { client, seen, records } = await behind(() => ({ body: stream('a streamed answer') }))
  const chunks = []
  for await (const chunk of await client.chat.completions.create({ ...ask('a'), stream: true }))
    chunks.push(chunk)
  expect(seen[0]?.body.stream_options).toEqual({ include_usage: true })
  expect(chunks).toHaveLength(2)
  expect(chunks.some(({ usage }) => usage)).toBe(false)
  await client.gateway.flush()
  expect(records[0]).toMatchObject({
    costUsd: 0.000135,
    estimated: false,
    usage: { input: 100, output: 200 },
  })
})

test('an error in mid-stream is an error, and what was written is charged', async () => {
  const broken = `${stream('half of').split('\n\n')[0]}\n\ndata: {"error": {"message": "litellm.APIConnectionError: it broke", "type": null, "param": null, "code": "500"}}\n\n`
  const { client, records } = await behind(() => ({ body: broken }))
  const events = await client.chat.completions.create({ ...ask('a'), stream: true })
  const read = async () => {
    for await (const _ of events);
  }
  await expect(read()).rejects.toThrow(OpenAI.APIError)
  await client.gateway.flush()
  expect(records[0]).toMatchObject({ status: 'failed', estimated: true })
  expect(records[0]?.costUsd).toBeGreaterThan(0)
})

test('where the proxy fell back on another model, that one is named and charged', async () => {
  const headers = { 'x-litellm-attempted-fallbacks': '1', 'x-litellm-model-group': 'gpt-4o' }
  const { client, records } = await behind(() => ({ body: chat('yes', 'gpt-4o'), headers }))
  await client.chat.completions.create(ask('a'))
  await client.gateway.flush()
  expect(records[0]).toMatchObject({ model: 'gpt-4o', route: 'failover', costUsd: 0.00225 })
})

test('a model without a price costs what the proxy says, and an unknown amount if it says nothing or nonsense', async () => {
  const told = ['0.0123', '1.43e-06', '0.0', undefined, '', ' ', '-1', 'None', 'inf']
  const { client, records } = await behind(
    (_, nth) => ({
      body: chat('yes', 'house-blend'),
      headers: told[nth - 1] === undefined ? {} : { 'x-litellm-response-cost': told[nth - 1] ?? '' },
    }),
    { policy: {} },
  )
  for (const question of told.keys())
    await client.chat.completions.create({ ...ask(`question ${question}`), model: 'house-blend' })
  await client.gateway.flush()
  const unknown = Array(6).fill(undefined)
  expect(records.map(({ costUsd }) => costUsd)).toEqual([0.0123, 0.00000143, 0, ...unknown])
})

test('escalation is ours: the proxy is sent the model that answers', async () => {
  const { client, seen } = await behind(() => ({ body: chat('yes') }))
  await client.chat.completions.create(ask('long '.repeat(3_000)))
  await client.chat.completions.create({ messages: ask('short').messages } as never)
  expect(seen.map(({ body }) => body.model)).toEqual(['gpt-4o', 'gpt-4o-mini'])
})

test('a limit of the proxy is refused at once, asked once, and not asked of another model', async () => {
  const error = {
    message: 'Rate limit exceeded for api_key: x. Limit type: requests.',
    type: 'throttling_error',
    code: '429',
  }
  const headers = { 'retry-after': '60', rate_limit_type: 'requests' }
  const { client, seen, records } = await behind(() => ({ status: 429, headers, body: { error } }))
  const failed = await client.chat.completions.create(ask('a')).catch((error: unknown) => error)
  expect(failed).toBeInstanceOf(OpenAI.RateLimitError)
  expect(failed).toMatchObject({ code: 'gateway_rpm_exceeded', requestID: 'call-1' })
  expect((failed as InstanceType<typeof OpenAI.RateLimitError>).headers.get('x-gateway-limit')).toBe('rpm')
  expect(seen).toHaveLength(1)
  await client.gateway.flush()
  expect(records[0]).toMatchObject({
    status: 'refused',
    error: 'gateway_rpm_exceeded',
    httpStatus: 429,
    costUsd: 0,
  })
})

test('a long retry-after from a deployment behind the proxy delays no retry', async () => {
  const error = {
    message: 'No deployments available for selected model, Try again in 60 seconds.',
    code: '429',
  }
  const { client, seen } = await behind((_, nth) =>
    nth < 3 ? { status: 429, headers: { 'retry-after': '60' }, body: { error } } : { body: chat('yes') },
  )
  vi.useFakeTimers({ toFake: ['setTimeout'], shouldAdvanceTime: true, advanceTimeDelta: 20 })
  try {
    const answer = await client.chat.completions.create(ask('a'))
    expect(answer.choices[0]?.message.content).toBe('yes')
    expect(seen).toHaveLength(3)
  } finally {
    vi.useRealTimers()
  }
})

test('identical calls at one time make one, and who comes later asks the proxy', async () => {
  const { client, seen } = await behind(async () => {
    await new Promise((resolve) => setTimeout(resolve, 30))
    return { body: chat('yes') }
  })
  await Promise.all(Array.from({ length: 5 }, () => client.chat.completions.create(ask('a'))))
  expect(seen).toHaveLength(1)
  await client.chat.completions.create(ask('a'))
  expect(seen).toHaveLength(2)
})

test('a key that only the proxy can judge is shown to it', async () => {
  const policy = { teams: { t: { agents: ['a'], keys: ['0'.repeat(64)], requireKey: true } } }
  const error = { message: 'Invalid proxy server token passed.', type: 'token_not_found_in_db', code: '401' }
  const { client, seen } = await behind(() => ({ status: 401, body: { error } }), {
    policy,
    agent: 'a',
    key: 'sk-new',
  })
  await expect(client.chat.completions.create(ask('a'))).rejects.toMatchObject({
    status: 401,
    code: 'gateway_unknown_key',
  })
  expect(seen).toHaveLength(1)
})

test('other SDKs go through the proxy as well, with their own way of writing addresses', async () => {
  const { url, seen } = await standIn(() => ({ body: chat('yes') }))
  const gateway = createGateway({ mode: 'litellm', litellm: { baseURL: url, apiKey: 'sk-team' } })
  const body = JSON.stringify(ask('a'))
  const headers = { authorization: 'Bearer the-key-of-openai', 'content-type': 'application/json' }
  await gateway.fetch('https://api.openai.com/v1/chat/completions', { method: 'POST', headers, body })
  await gateway.fetch(new Request('https://api.openai.com/v1/files?limit=2', { headers }))
  expect(seen.map(({ path, headers }) => [path, headers.authorization])).toEqual([
    ['/v1/chat/completions', 'Bearer sk-team'],
    ['/v1/files?limit=2', 'Bearer sk-team'],
  ])
})

test('what a provider has signed, or sends to a deployment, goes straight, and it is said', async () => {
  const { url, seen } = await standIn(() => ({ body: chat('yes') }))
  const proxy = await standIn(() => ({ body: chat('no') }))
  const said = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  const gateway = createGateway({ mode: 'litellm', litellm: { baseURL: proxy.url, apiKey: 'sk-team' } })
  const address = `${url}/openai/deployments/mine/chat/completions?api-version=1`
  const body = JSON.stringify({ messages: ask('a').messages })
  await gateway.fetch(address, { method: 'POST', headers: { 'api-key': 'azures' }, body })
  expect([seen.length, proxy.seen.length, seen[0]?.headers['api-key']]).toEqual([1, 0, 'azures'])
  expect(seen[0]?.text).toBe(body)
  expect(said.mock.calls.flat().join()).toContain('cannot go through the LiteLLM proxy')
  said.mockRestore()
})

test('without an address, or without a key, the client is not made', () => {
  const make = (litellm: GatewayOptions['litellm']) => () =>
    createGatewayClient({ apiKey: 'k', gateway: { mode: 'litellm', ...(litellm ? { litellm } : {}) } })
  expect(make(undefined)).toThrow(/gateway\.litellm\.baseURL.*LITELLM_BASE_URL/)
  expect(make({ baseURL: 'http://127.0.0.1:4000' })).toThrow(/gateway\.litellm\.apiKey.*LLM_GATEWAY_KEY/)
  expect(make({ baseURL: 'proxy', apiKey: 'k' })).toThrow(/gateway\.litellm\.baseURL: must be an http/)
})
