import OpenAI from 'openai'
import { expect, test, vi } from 'vitest'
import { behind } from './litellm/behind.ts'
import { chat, type Said, stream } from './litellm/stand-in.ts'
import { ask } from './support.ts'

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
