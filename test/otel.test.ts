import { createGatewayClient, type GatewayOptions, withGateway } from '@hotdash/llm-gateway'
import { afterEach, expect, test, vi } from 'vitest'
import { startCollector } from './collector.ts'
import { ask, setup, until } from './support.ts'

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0)) close()
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

async function collector() {
  const started = await startCollector()
  open.push(started.close)
  return started
}

test('a call is a span with the GenAI conventions, and what they have no word for', async () => {
  const { url, received } = await collector()
  const otel = { url, headers: { 'x-team': 'ops' }, serviceName: 'shop' }
  const { client, records } = await setup({ otel })
  await withGateway({ session: 'talk-1' }, () =>
    client.chat.completions.create({ ...ask('Where is order 17?'), temperature: 0.2 }),
  )
  await client.gateway.flush()
  expect(received).toMatchObject([{ path: '/v1/traces', headers: { 'x-team': 'ops' }, service: 'shop' }])
  const [record] = records
  const span = received[0]?.spans[0]
  expect(span).toMatchObject({
    name: 'chat gpt-4o-mini',
    kind: 3,
    traceId: record?.trace?.replaceAll('-', ''),
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-4o-mini',
      'gen_ai.response.model': 'gpt-4o-mini',
      'gen_ai.request.temperature': 0.2,
      'gen_ai.conversation.id': 'talk-1',
      'gen_ai.agent.name': 'support',
      'gen_ai.usage.input_tokens': String(record?.usage?.input),
      'http.response.status_code': '200',
      'llm_gateway.team': 'prod_customer',
      'llm_gateway.cache': 'miss',
      'llm_gateway.cost_usd': record?.costUsd,
    },
    status: {},
  })
  const ms = Number(BigInt(String(span?.endTimeUnixNano)) - BigInt(String(span?.startTimeUnixNano))) / 1e6
  expect(ms).toBeCloseTo(record?.latencyMs ?? Number.NaN, 2)
})

test('a failure has an error type and an error status', async () => {
  const { url, received } = await collector()
  const { client, upstream } = await setup({ otel: { url } })
  upstream.fail({ type: 'status', status: 400 })
  await client.chat.completions.create(ask('bad')).catch(() => undefined)
  await client.gateway.flush()
  expect(received[0]?.spans).toMatchObject([
    { status: { code: 2 }, attributes: { 'error.type': 'http_400', 'http.response.status_code': '400' } },
  ])
})

test('a partial success is counted and not sent again; a 503 is sent again', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  const { url, received, state } = await collector()
  const { client } = await setup({ otel: { url } })
  const stats = () => client.gateway.stats().sinks?.otel
  state.body = JSON.stringify({ partialSuccess: { rejectedSpans: '2', errorMessage: 'quota' } })
  for (let call = 0; call < 5; call += 1) await client.chat.completions.create(ask(`question ${call}`))
  await client.gateway.flush()
  expect(stats()).toMatchObject({ delivered: 3, rejected: 2, queued: 0 })
  expect(received).toHaveLength(1)
  Object.assign(state, { status: 503, body: 'down' })
  await client.chat.completions.create(ask('later'))
  await client.gateway.flush()
  expect(stats()).toMatchObject({ queued: 1, state: 'failing' })
  Object.assign(state, { status: 200, body: '' })
  await until(() => stats()?.queued === 0, 'it is delivered')
  expect(stats()).toMatchObject({ delivered: 4, rejected: 2 })
})

test('a web page is no success: the address belongs to another service', async () => {
  const { url, state } = await collector()
  const { client } = await setup({ otel: { url } })
  Object.assign(state, { body: '<html>Sign in</html>', type: 'text/html; charset=utf-8' })
  await client.chat.completions.create(ask('hello'))
  await client.gateway.flush()
  expect(client.gateway.stats().sinks?.otel).toMatchObject({
    queued: 1,
    delivered: 0,
    lastError: expect.stringContaining('check its address'),
  })
})

test('the usual variables are read where the option asks for them, and nowhere else', async () => {
  const { base, received } = await collector()
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', `${base}/`)
  vi.stubEnv('OTEL_EXPORTER_OTLP_HEADERS', 'x-key=a%20b,x-other=c')
  vi.stubEnv('OTEL_SERVICE_NAME', 'from-env')
  const [off, on] = [await setup(), await setup({ otel: {} })]
  expect(off.client.gateway.stats().sinks).toBeUndefined()
  await on.client.chat.completions.create(ask('hello'))
  await on.client.gateway.flush()
  expect(received).toMatchObject([
    { path: '/v1/traces', headers: { 'x-key': 'a b', 'x-other': 'c' }, service: 'from-env' },
  ])
})

test.each<[GatewayOptions['otel'], RegExp]>([
  [{}, /gateway\.otel\.url: set it, or OTEL_EXPORTER_OTLP_ENDPOINT/],
  [{ url: 'collector:4318' }, /gateway\.otel\.url: must be an http/],
  [{ url: 'http://x', headers: { 'bad name': 'secret-value' } }, /gateway\.otel\.headers: has a name/],
])('bad settings are named', (otel, message) => {
  expect(() => createGatewayClient({ apiKey: 'k', gateway: { otel: otel as false } })).toThrow(message)
})
