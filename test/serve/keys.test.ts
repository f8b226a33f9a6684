import type { FakeOpenAI } from '@hotdash/llm-gateway-testing'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { errorOf, outcomeOf } from '../conformance/outcome.ts'
import { ask, until } from '../support.ts'
import { createCleanup, fake, KEYS, policy, type Served, serve, type Team, UPSTREAM_KEY } from './kit.ts'
import { send } from './raw.ts'

const cleanup = createCleanup()
let upstream: FakeOpenAI
let server: Served
beforeAll(async () => {
  upstream = await fake(cleanup)
  server = await serve(cleanup, { upstream: upstream.baseURL, flags: ['--max-requests', '8'] })
})
afterEach(() => upstream.reset())
afterAll(() => cleanup.run())

const agent = (team: Team, headers: Record<string, string> = {}) =>
  new OpenAI({ baseURL: server.baseURL, apiKey: KEYS[team], maxRetries: 0, defaultHeaders: headers })

async function headersOf(call: { asResponse: () => Promise<Response> }): Promise<Headers> {
  const response = await call.asResponse()
  await response.text()
  return response.headers
}

const post = (body: object, headers: Record<string, string>, path = '/chat/completions') =>
  fetch(`${server.baseURL}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

test('a key is of its team, whatever agent its bearer claims to be', async () => {
  const teamOf = async (client: OpenAI) =>
    (await headersOf(client.chat.completions.create(ask('whose?')))).get('x-gateway-team')
  expect(await teamOf(agent('alpha'))).toBe('alpha')
  expect(await teamOf(agent('beta', { 'x-gateway-agent': 'support' }))).toBe('beta')
  expect(await teamOf(agent('beta', { 'x-gateway-token': KEYS.alpha }))).toBe('alpha')
  expect(await teamOf(agent('beta', { 'x-litellm-api-key': `Bearer ${KEYS.alpha}` }))).toBe('alpha')
  const nobody = errorOf(await outcomeOf(() => agent('beta', { 'x-gateway-token': 'x' }).models.list()))
  expect([nobody.class, nobody.fields.code]).toEqual(['AuthenticationError', 'gateway_unknown_key'])
})

test('one team’s limit is no other’s', async () => {
  await agent('few').chat.completions.create(ask('a'))
  const refused = errorOf(await outcomeOf(() => agent('few').chat.completions.create(ask('b'))))
  expect(refused.fields).toMatchObject({ status: 429, code: 'gateway_rpm_exceeded' })
  expect(refused.headers).toMatchObject({ rate_limit_type: 'requests', 'x-litellm-key-rpm-limit': '1' })
  expect((await agent('beta').chat.completions.create(ask('b'))).choices).toHaveLength(1)
})

test('upstream sees this server’s key and account, and nothing that is between us', async () => {
  const client = new OpenAI({
    baseURL: server.baseURL,
    apiKey: KEYS.alpha,
    organization: 'org-of-a-caller',
    project: 'proj-of-a-caller',
    defaultHeaders: { 'x-gateway-session': 's', 'x-litellm-tags': 'a', cookie: 'c=1' },
  })
  await client.chat.completions.create(ask('what do you see?'), { idempotencyKey: 'mine' })
  const { headers = {} } = upstream.requests[0] ?? {}
  expect(headers.authorization).toBe(`Bearer ${UPSTREAM_KEY}`)
  const names = Object.keys(headers).filter(
    (name) => !/^(accept|host|connection|content|user-agent|sec-fetch)/.test(name),
  )
  expect(names).toEqual(['authorization'])
})

test('LiteLLM’s headers tell what ours do', async () => {
  const miss = await headersOf(agent('alpha').chat.completions.create(ask('l')))
  const hit = await headersOf(agent('alpha').chat.completions.create(ask('l')))
  expect(miss.get('x-litellm-cache-key')).toBeNull()
  expect(hit.get('x-litellm-cache-key')).toMatch(/^gw:\{alpha\}:x:/)
  for (const headers of [miss, hit]) {
    expect(headers.get('x-litellm-call-id')).toBe(headers.get('x-gateway-call-id'))
    expect(headers.get('x-litellm-response-cost')).toBe(headers.get('x-gateway-cost-usd'))
    expect(headers.get('x-litellm-model-group')).toBe('gpt-4o-mini')
    expect(headers.get('x-litellm-attempted-fallbacks')).toBe('0')
  }
  expect(Number(hit.get('x-litellm-response-cost'))).toBe(0)
  expect(miss.get('x-ratelimit-api_key-remaining-requests')).toBe(miss.get('x-ratelimit-remaining-requests'))
})

test('fields of LiteLLM’s never reach upstream; those without effect are named', async () => {
  const body = {
    ...ask('fields'),
    num_retries: 2,
    fallbacks: ['gpt-4o'],
    mock_response: 'hi',
    api_key: 'sk-callers-own-0123456789',
    tags: ['t'],
    litellm_session_id: 's',
    metadata: { agent: 'support', spend_logs_metadata: { a: 1 } },
  }
  const response = await post(body, { authorization: `Bearer ${KEYS.alpha}` })
  expect(response.status).toBe(200)
  expect(response.headers.get('x-gateway-ignored')).toBe('num_retries, fallbacks, mock_response, api_key')
  expect(upstream.requests[0]?.body).toEqual(ask('fields'))
  await until(() => server.lines().some(({ agent }) => agent === 'support'), 'the agent is in the log')
})

test('an agent may be named by header, by metadata, or as the user', async () => {
  const authorization = `Bearer ${KEYS.alpha}`
  await post({ ...ask('1'), user: 'ai-customer' }, { authorization })
  await post({ ...ask('2'), user: 'a-person', metadata: { agent_id: 'meta' } }, { authorization })
  await post({ ...ask('3'), user: 'ai-customer' }, { authorization, 'x-litellm-agent-id': 'head' })
  await post({ ...ask('4'), metadata: { agent: 'meta' } }, { authorization, 'x-gateway-agent': 'own' })
  await post({ ...ask('5'), user: 'a-person' }, { authorization })
  await until(
    () => server.lines().at(-1)?.bytesIn === JSON.stringify({ ...ask('5'), user: 'a-person' }).length,
    'log',
  )
  const agents = server
    .lines()
    .slice(-5)
    .map(({ agent }) => agent)
  expect(agents).toEqual(['ai-customer', 'meta', 'head', 'own', undefined])
})

test('a timeout in LiteLLM’s fields is a 408', async () => {
  upstream.fail({ type: 'hang' })
  const response = await post({ ...ask('late'), timeout: 0.2 }, { authorization: `Bearer ${KEYS.alpha}` })
  expect([response.status, await response.json()]).toMatchObject([
    408,
    { error: { code: 'gateway_timeout' } },
  ])
  await upstream.requests[0]?.closed
  expect(upstream.requests[0]?.aborted).toBe(true)
})

test('a server with enough to do says so, and is still healthy', async () => {
  upstream.fail({ type: 'latency', ms: 1_000 }, { times: 8 })
  const calls = Array.from({ length: 8 }, (_, at) =>
    agent('alpha').chat.completions.create(ask(`busy ${at}`)),
  )
  const answers = Promise.all(calls)
  await until(() => upstream.count() === 8, 'all are under way')
  const refused = errorOf(await outcomeOf(() => agent('alpha').chat.completions.create(ask('one more'))))
  expect([refused.class, refused.fields.code]).toEqual(['InternalServerError', 'gateway_busy'])
  expect(refused.headers).toMatchObject({ 'retry-after': '1', 'x-should-retry': 'true' })
  expect((await fetch(`http://127.0.0.1:${server.port}/health/readiness`)).status).toBe(200)
  expect(await answers).toHaveLength(8)
})

test('an upstream that refuses our key, or is not there, is no fault of the caller’s', async () => {
  const ours = createCleanup()
  try {
    const refused = await serve(ours, {
      upstream: upstream.baseURL,
      env: { OPENAI_API_KEY: 'sk-expired-0123456789' },
    })
    const client = (baseURL: string) => new OpenAI({ baseURL, apiKey: KEYS.alpha, maxRetries: 0 })
    const wrongKey = errorOf(await outcomeOf(() => client(refused.baseURL).chat.completions.create(ask('x'))))
    expect(wrongKey.fields).toMatchObject({ status: 502, code: 'gateway_upstream_key_refused' })
    expect(JSON.stringify(wrongKey)).not.toContain('sk-')
    expect(refused.err()).toContain('does not accept OPENAI_API_KEY')
    const gone = await serve(ours, { upstream: 'http://127.0.0.1:1/v1' })
    const unreachable = errorOf(await outcomeOf(() => client(gone.baseURL).chat.completions.create(ask('x'))))
    expect(unreachable.fields).toMatchObject({ status: 502, code: 'gateway_upstream_unreachable' })
    expect(gone.err()).toContain('upstream cannot be reached')
  } finally {
    await ours.run()
  }
})

test('without keys it lets in programs on this machine, and no web page', async () => {
  const ours = createCleanup()
  try {
    const open = await serve(ours, { upstream: upstream.baseURL, flags: ['--allow-anonymous'] })
    await until(() => open.err().includes('WARNING: --allow-anonymous'), 'the warning')
    const anybody = new OpenAI({ baseURL: open.baseURL, apiKey: 'anything', maxRetries: 0 })
    const headers = { 'x-gateway-agent': 'ads' }
    const named = await headersOf(anybody.chat.completions.create(ask('x'), { headers }))
    expect(named.get('x-gateway-team')).toBe('beta')
    const keyed = new OpenAI({ baseURL: open.baseURL, apiKey: KEYS.alpha, maxRetries: 0 })
    expect((await headersOf(keyed.chat.completions.create(ask('x')))).get('x-gateway-team')).toBe('alpha')
    const body = JSON.stringify(ask('x'))
    const from = (headers: string) =>
      send(open.port, [
        `POST /v1/chat/completions HTTP/1.1\r\nContent-Type: application/json\r\n${headers}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      ])
    const here = `Host: localhost:${open.port}`
    expect((await from(here)).statuses).toEqual([200])
    expect((await from(`${here}\r\nOrigin: https://example.org`)).statuses).toEqual([403])
    expect((await from('Host: rebound.example.org')).statuses).toEqual([403])
  } finally {
    await ours.run()
  }
})

test('no key is in any log, wherever a caller put it', async () => {
  const key = KEYS.alpha
  const auth = { authorization: `Bearer ${key}` }
  await fetch(`${server.baseURL}/models/${key}?key=${key}`, { headers: auth })
  await fetch(`${server.baseURL}/${key}`, { headers: auth })
  await post({ ...ask(key), model: key, user: key, api_key: key }, auth)
  await post(ask(key), { ...auth, 'x-gateway-agent': key, 'x-gateway-session': key })
  await post(ask(key), { authorization: 'Bearer sk-mistyped-0123456789abcdef' })
  upstream.fail({ type: 'status', status: 400, message: `bad key ${UPSTREAM_KEY}`, code: UPSTREAM_KEY })
  await post(ask('fails'), auth)
  const seen = server.lines().length
  await fetch(`${server.baseURL}/models`, { headers: auth })
  await until(() => server.lines().length > seen, 'the last line')
  const said = server.out() + server.err()
  for (const secret of [UPSTREAM_KEY, ...Object.values(KEYS), 'sk-mistyped'])
    expect(said).not.toContain(secret)
  expect(said).not.toContain('Bearer')
  expect(JSON.stringify(policy)).not.toContain(KEYS.alpha)
})
