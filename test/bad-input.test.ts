import {
  createGateway,
  createGatewayClient,
  type GatewayOptions,
  GatewayOptionsError,
} from '@hotdash/llm-gateway'
import { expect, test } from 'vitest'
import { ask, setup } from './support.ts'

const post = (body: string) => ({
  method: 'POST',
  headers: { authorization: 'Bearer k', 'content-type': 'application/json' },
  body,
})

test('a body that is no JSON object goes through untouched, and upstream answers it', async () => {
  const { upstream } = await setup()
  const gateway = createGateway({ agent: 'support' })
  for (const body of ['{not json', '[]', '"text"', 'null', '']) {
    const response = await gateway.fetch(`${upstream.baseURL}/chat/completions`, post(body))
    expect(response.status).toBe(400)
    expect(response.headers.get('x-gateway-cache')).toBeNull()
    expect(upstream.requests.at(-1)?.text).toBe(body)
  }
})

const deep = (levels: number) =>
  `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"x"}],"deep":${'['.repeat(levels)}${']'.repeat(levels)}}`

test('200,000 levels of nesting are refused where the policy binds, and else go through unread', async () => {
  const { upstream } = await setup()
  const url = `${upstream.baseURL}/chat/completions`
  const bound = createGateway({ agent: 'support', quota: false })
  const refused = await bound.fetch(url, post(deep(200_000)))
  expect([refused.status, refused.headers.get('x-should-retry')]).toEqual([413, 'false'])
  expect(await refused.json()).toMatchObject({
    error: { code: 'gateway_body_too_large', type: 'invalid_request_error' },
  })
  expect(upstream.count()).toBe(0)

  const free = createGateway({ policy: {} })
  expect((await free.fetch(url, post(deep(200_000)))).status).toBe(200)
  expect(upstream.requests[0]?.text).toBe(deep(200_000))
  expect([bound.stats().faults, free.stats().faults]).toEqual([0, 0])
})

test('50 MB pass, unchanged', async () => {
  const { client, upstream } = await setup({ quota: false }, {}, { tokens: 'approximate' })
  const content = 'lorem ipsum '.repeat(4_200_000)
  await client.chat.completions.create({ ...ask(content), model: 'gpt-4o' })
  expect(upstream.requests[0]?.text.length).toBeGreaterThan(50_000_000)
})

test('keys that are names of the prototype are keys like any other', async () => {
  const { upstream } = await setup()
  const gateway = createGateway({ agent: 'support' })
  const send = (body: string) => gateway.fetch(`${upstream.baseURL}/chat/completions`, post(body))
  const frame = '"model":"gpt-4o-mini","messages":[{"role":"user","content":"x"}]'
  for (const extra of ['', ',"__proto__":{"a":1}', ',"__proto__":{"a":2}', ',"constructor":1'])
    await (await send(`{${frame}${extra}}`)).text()
  expect(upstream.count()).toBe(4)
  expect(({} as { a?: number }).a).toBeUndefined()
})

test('lone surrogates and special tokens are text', async () => {
  const { client } = await setup()
  const odd = `\ud800 <|endoftext|> ${'\udfff'.repeat(900)}`
  const first = await client.chat.completions.create(ask(odd))
  expect((await client.chat.completions.create(ask(odd))).id).toBe(first.id)
})

test.each([
  ['gateway.agnet', { agnet: 'x' }],
  ['gateway.agent', { agent: '' }],
  ['gateway.quota', { quota: true }],
  ['gateway.coalesce.waitMs', { coalesce: { waitMs: 0 } }],
  ['gateway.coalesce.crossProcess', { coalesce: { crossProcess: 'yes' } }],
  ['gateway.redis', { redis: 'http://127.0.0.1:6379' }],
  ['gateway.cache.exact.ttlSeconds', { cache: { exact: { ttlSeconds: Number.NaN } } }],
  ['gateway.cache.exact.maxBytes', { cache: { exact: { maxBytes: -1 } } }],
  ['gateway.policy.teams.t.rpm', { policy: { teams: { t: { rpm: -5 } } } }],
  ['gateway.policy.teams.t.rmp', { policy: { teams: { t: { rmp: 5 } } } }],
  ['gateway.policy.timezone', { policy: { timezone: 'Mars/Olympus' } }],
  ['gateway.policy.teams.t.keys.0', { policy: { teams: { t: { keys: ['plain-key'] } } } }],
  ['agent "a" is in two teams', { policy: { teams: { t: { agents: ['a'] }, u: { agents: ['a'] } } } }],
  ['/no/such/file.json', { policy: '/no/such/file.json' }],
])('a mistake in %s fails at construction, by name', (field, gateway) => {
  const make = () => createGatewayClient({ apiKey: 'k', gateway: gateway as GatewayOptions })
  expect(make).toThrow(GatewayOptionsError)
  expect(make).toThrow(field)
  expect(make).not.toThrow('plain-key')
})

test('a wrong key is refused with 401 before anything is asked, and is in no message', async () => {
  const keys = ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08']
  const teams = { t: { agents: ['support'], keys, requireKey: true } }
  const { client, upstream } = await setup({ policy: { teams }, key: 'sk-very-secret' })
  const error = await client.chat.completions.create(ask('x')).catch((error: Error) => error)
  expect(error).toMatchObject({ status: 401, code: 'gateway_unknown_key' })
  expect(JSON.stringify(error) + String(error)).not.toContain('very-secret')
  expect(upstream.count()).toBe(0)
  const { client: good } = await setup({ policy: { teams }, key: 'test' })
  expect((await good.chat.completions.create(ask('x'))).choices).toHaveLength(1)
})

test('a hook that throws or rejects is counted, and its error reaches no other code', async () => {
  let calls = 0
  const { client } = await setup({
    onCall: async () => {
      calls += 1
      throw new Error('hook')
    },
  })
  await client.chat.completions.create(ask('x'))
  await client.gateway.flush()
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect([calls, client.gateway.stats().hookErrors]).toEqual([1, 1])
})
