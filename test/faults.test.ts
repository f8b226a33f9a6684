import { createHash } from 'node:crypto'
import { createGateway, type GatewayOptions, withGateway } from '@hotdash/llm-gateway'
import OpenAI from 'openai'
import { expect, test } from 'vitest'
import { allowLogInFile } from './console.ts'
import { ask, setup } from './support.ts'

allowLogInFile('GW_CONTROL_IGNORED')

const KEY = 'team-key-that-never-leaves'
const keys = [createHash('sha256').update(KEY).digest('hex')]

/** Policies that each refuse the call in `forbidden`, by one means alone. */
const binding: Record<string, GatewayOptions> = {
  'a daily budget that is too small': {
    policy: {
      teams: { t: { agents: ['support'], usdPerDay: 0.000001 } },
      models: { 'gpt-4o-mini': { input: 1, output: 1 } },
    },
  },
  'a model list': { policy: { teams: { t: { agents: ['support'], models: ['gpt-4o'] } } } },
  'an off-switch': { policy: { agents: { support: { disabled: true } } } },
  'a key that is required': {
    policy: { teams: { t: { agents: ['support'], keys, requireKey: true } } },
    key: 'another',
  },
}

const nested = (levels: number) => `${'['.repeat(levels)}1${']'.repeat(levels)}`

const odd = {
  'tags that are objects': { headers: { 'x-gateway-tags': '[{"toString":1}]' } },
  'tags that are null': { headers: { 'x-gateway-tags': '[null,{"__proto__":1}]' } },
  'a cache control that is an array': { headers: { 'x-gateway-cache': '[{"valueOf":1}]' } },
  'a namespace that is an object': {
    headers: { 'x-gateway-cache': '{"namespace":{"toString":1},"ttl":{}}' },
  },
  'a header that cannot be decoded': {
    headers: { 'x-gateway-session': '%E0%A4%A', 'x-gateway-trace': '%ff' },
  },
  'an empty agent': { headers: { 'x-gateway-agent': '' } },
  'an agent of 100,000 letters': { headers: { 'x-gateway-agent': 'x'.repeat(100_000) } },
  'an unknown gateway header': { headers: { 'x-gateway-who-knows': '1' } },
  'tools nested 5,000 deep': { body: `{"model":"gpt-4o-mini","messages":[],"tools":${nested(5_000)}}` },
  'tools nested 300 deep': {
    body: `{"model":"gpt-4o-mini","messages":[],"tools":[{"function":${nested(300)}}]}`,
  },
  'tools nested 200 deep': {
    body: `{"model":"gpt-4o-mini","messages":[],"tools":[{"function":${nested(200)}}]}`,
  },
  'a response format that cannot be text': {
    body: '{"model":"gpt-4o-mini","messages":[],"response_format":{"type":{"toString":1}}}',
  },
  'members that cannot be text': {
    body: '{"model":"gpt-4o-mini","messages":{"toString":1},"max_tokens":{"valueOf":1},"n":{"toString":1},"user":{"toString":1},"metadata":{"tags":[{"toString":1}],"trace_id":{"toString":1}},"cache":{"ttl":{"valueOf":1},"namespace":{"toString":1}},"stream_options":[{"toString":1}],"service_tier":{"toString":1},"store":{"toString":1},"tool_choice":{"toString":1}}',
  },
  'a body with NaN': { body: '{"model":"gpt-4o-mini","messages":[],"x":NaN}' },
  'a body with a byte order mark': { body: '\ufeff{"model":"gpt-4o-mini","messages":[]}' },
  'a method in small letters': { method: 'post' },
  'a body that is a Blob': { body: new Blob(['{"model":"gpt-4o-mini","messages":[]}']) },
} satisfies Record<string, { headers?: Record<string, string>; body?: BodyInit; method?: string }>

const cases = Object.keys(binding).flatMap((policy) =>
  Object.keys(odd).map((request) => [policy, request] as const),
)

test.each(cases)('%s holds, whatever is odd in a request: %s', async (policy, request) => {
  const { upstream } = await setup()
  const gateway = createGateway({ agent: 'support', ...binding[policy] })
  const { headers, body, method }: { headers?: Record<string, string>; body?: BodyInit; method?: string } =
    odd[request as keyof typeof odd]
  const response = await gateway.fetch(`${upstream.baseURL}/chat/completions`, {
    method: method ?? 'POST',
    headers: { authorization: 'Bearer k', 'content-type': 'application/json', ...headers },
    body: body ?? JSON.stringify(ask('x')),
  })
  expect(response.status).toBeGreaterThanOrEqual(400)
  expect(response.headers.get('x-should-retry')).toBe('false')
  expect(((await response.json()) as { error: { code: string } }).error.code).toMatch(/^gateway_/)
  expect(upstream.count()).toBe(0)
  expect(await gateway.flush()).toBe(true)
  expect(gateway.stats()).toMatchObject({ pending: 0 })
})

test.each(Object.keys(odd))(
  'where nothing binds, each odd request leaves once, without a gateway header: %s',
  async (request) => {
    const { upstream } = await setup()
    const gateway = createGateway({ policy: {}, key: KEY })
    const { headers, body, method }: { headers?: Record<string, string>; body?: BodyInit; method?: string } =
      odd[request as keyof typeof odd]
    const response = await gateway.fetch(`${upstream.baseURL}/chat/completions`, {
      method: method ?? 'POST',
      headers: {
        authorization: 'Bearer k',
        'content-type': 'application/json',
        'x-gateway-token': KEY,
        ...headers,
      },
      body: body ?? JSON.stringify(ask('x')),
    })
    await response.text()
    expect(upstream.count()).toBe(1)
    const [{ headers: sentHeaders, text: sentText } = { headers: {}, text: '' }] = upstream.requests
    const sent = JSON.stringify([sentHeaders, sentText])
    expect(sent).not.toContain('x-gateway')
    expect(sent).not.toContain(KEY)
    expect(await gateway.flush()).toBe(true)
    expect(gateway.stats()).toMatchObject({ pending: 0, faults: 0 })
  },
)

test('gateway headers never leave, by whichever way a request comes', async () => {
  const { upstream } = await setup()
  const gateway = createGateway({ policy: {} })
  const url = `${upstream.baseURL}/models`
  const headers = { 'x-gateway-token': KEY, 'x-gateway-tags': '["a"]', 'x-gateway-new': '1', accept: '*/*' }
  await gateway.fetch(url, { headers })
  await gateway.fetch(url, { headers: new Headers(headers) })
  await gateway.fetch(url, { headers: Object.entries(headers) })
  await gateway.fetch(new URL(url), { headers })
  await gateway.fetch(new Request(url, { headers }))
  await gateway.fetch(new Request(url, { headers }), { headers: { accept: 'a/b' } })
  await gateway.fetch(
    new Request(`${upstream.baseURL}/chat/completions`, {
      headers,
      method: 'POST',
      body: JSON.stringify(ask('x')),
    }),
  )
  expect(upstream.requests).toHaveLength(7)
  expect(JSON.stringify(upstream.requests)).not.toMatch(/x-gateway|never-leaves/)
})

test('a malformed control is ignored by itself, and what it stood beside counts', async () => {
  const { client, records } = await setup()
  await client.chat.completions.create(ask('x'), {
    headers: {
      'x-gateway-tags': '["good",{"toString":1},null," ",7,true]',
      'x-gateway-session': 'S-1',
      'x-gateway-agent': '',
      'x-gateway-cache': '{"noStore":true,"ttl":{"valueOf":1},"maxAge":-5}',
    },
  })
  const context = { tags: [{ toString: 1 }, 'b'], session: { toString: 1 }, agent: 5, trace: 'T' } as never
  await withGateway(context, () => client.chat.completions.create(ask('y')))
  await client.gateway.flush()
  expect(records).toMatchObject([
    { agent: 'support', tags: ['good', '7', 'true'], session: 'S-1', team: 'prod_customer' },
    { agent: '5', tags: ['b'], trace: 'T' },
  ])
  expect(records[1]).not.toHaveProperty('session')
  expect(client.gateway.stats().faults).toBe(0)
})

test('an answer with a namespace that cannot be used is not shared', async () => {
  const { client, upstream } = await setup()
  const headers = { 'x-gateway-cache': '{"namespace":{"toString":1}}' }
  for (let times = 0; times < 2; times += 1) await client.chat.completions.create(ask('x'), { headers })
  await client.chat.completions.create(ask('x'))
  expect(upstream.count()).toBe(3)
})

test('finish reasons and members of an answer that cannot be text end nothing, and the record closes', async () => {
  const answers = [
    { choices: [{ index: 0, finish_reason: { toString: 1 }, message: { role: 'assistant', content: 'x' } }] },
    {
      choices: [
        { finish_reason: 'stop', message: { content: { toString: 1 }, tool_calls: { toString: 1 } } },
      ],
      usage: { prompt_tokens: { valueOf: 1 } },
    },
    {
      choices: { toString: 1 },
      error: { toString: 1 },
      service_tier: { toString: 1 },
      model: { toString: 1 },
    },
  ]
  const { client, upstream, records } = await setup()
  for (const body of answers) {
    upstream.answer({ body })
    await client.chat.completions.create({
      ...ask(`${answers.indexOf(body)}`),
      response_format: { type: 'json_object' },
    })
  }
  expect(await client.gateway.flush()).toBe(true)
  expect(records).toHaveLength(answers.length)
  expect(client.gateway.stats()).toMatchObject({ pending: 0, faults: 0 })
})

test('names with half a character are told in headers as far as they can be', async () => {
  const { client, bare, upstream } = await setup({ policy: {} })
  const asked = { ...ask('x'), model: '\ud800 odd' }
  const [own, theirs] = await Promise.all(
    [client.chat.completions.create(asked), bare.chat.completions.create(asked)].map((answer) =>
      answer.then(
        () => 'answered',
        (error: unknown) => (error instanceof OpenAI.APIError ? error.status : 'lost'),
      ),
    ),
  )
  expect(own).toBe(theirs)
  expect(upstream.count()).toBe(2)
})
