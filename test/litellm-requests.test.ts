import {
  createGateway,
  createGatewayClient,
  type GatewayOptions,
  gatewayOptions,
  withGateway,
} from '@hotdash/llm-gateway'
import { expect, test, vi } from 'vitest'
import { behind } from './litellm/behind.ts'
import { chat, standIn } from './litellm/stand-in.ts'
import { ask } from './support.ts'

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

test('escalation is ours: the proxy is sent the model that answers', async () => {
  const { client, seen } = await behind(() => ({ body: chat('yes') }))
  await client.chat.completions.create(ask('long '.repeat(3_000)))
  await client.chat.completions.create({ messages: ask('short').messages } as never)
  expect(seen.map(({ body }) => body.model)).toEqual(['gpt-4o', 'gpt-4o-mini'])
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
