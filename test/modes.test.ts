import {
  type CallRecord,
  createGateway,
  gatewayOptions,
  type Policy,
  withGateway,
} from '@hotdash/llm-gateway'
import OpenAI from 'openai'
import { expect, test, vi } from 'vitest'
import { chat, standIn } from './litellm/stand-in.ts'
import { ask, setup } from './support.ts'

const policy = (some: Policy = {}): Policy => ({
  routing: { default: 'gpt-4o-mini', escalate: { above: 2_000, to: 'gpt-4o' }, fallback: 'gpt-4o' },
  models: {
    'gpt-4o-mini': { input: 0.15, output: 0.6 },
    'gpt-4o': { input: 2.5, output: 10 },
    'gpt-4.1-nano': { input: 0.1, output: 0.4 },
  },
  teams: { team: { agents: ['support', 'seo', 'ads'], rpm: 1_000 } },
  ...some,
})

/** As the bare client tells it. */
async function outcome(call: () => Promise<unknown>) {
  try {
    return { result: await call() }
  } catch (error) {
    const { name, message, status, code } = error as Error & { status?: number; code?: string }
    return { name, message, status, code }
  }
}

test('an agent that the policy disables is refused on every path, and others are not', async () => {
  const { client, upstream, records } = await setup({
    policy: policy({ agents: { seo: { disabled: true } } }),
  })
  const seo = { agent: 'seo' }
  const calls = [
    () => client.chat.completions.create(ask('a'), gatewayOptions(seo)),
    () => withGateway(seo, () => client.responses.create({ model: 'gpt-4o-mini', input: 'a' })),
    () => withGateway(seo, () => client.models.list()),
  ]
  for (const call of calls) {
    const error = (await call().then(
      () => undefined,
      (error: unknown) => error,
    )) as InstanceType<typeof OpenAI.PermissionDeniedError>
    expect(error).toBeInstanceOf(OpenAI.PermissionDeniedError)
    expect(error).toMatchObject({ status: 403, code: 'gateway_agent_off' })
    expect(error.message).toContain('remove agents["seo"].disabled from the policy')
  }
  expect(upstream.count()).toBe(0)
  await client.chat.completions.create(ask('a'))
  expect(upstream.count()).toBe(1)
  await client.gateway.flush()
  expect(records.filter(({ status }) => status === 'refused')).toHaveLength(3)
})

test('an agent that the policy disables is refused where calls go straight and through a proxy, too', async () => {
  const { url, seen } = await standIn(() => ({ body: chat('proxied') }))
  for (const mode of ['direct', 'litellm'] as const) {
    const { client, upstream } = await setup({
      policy: policy({ agents: { support: { disabled: true, mode } } }),
      litellm: { baseURL: url, apiKey: 'sk-team' },
    })
    const refused = await outcome(() => client.chat.completions.create(ask('a')))
    expect(refused).toMatchObject({ status: 403, code: 'gateway_agent_off' })
    expect(upstream.count()).toBe(0)
  }
  expect(seen).toEqual([])
})

test('a model is swapped wherever it was chosen, named, or fallen back to; prices and records follow', async () => {
  const aliases = { 'gpt-4o-mini': 'gpt-4.1-nano', 'gpt-4o': 'gpt-4o-mini' }
  const { client, upstream, records } = await setup({
    policy: policy({ routing: { ...policy().routing, aliases } }),
    cache: false,
  })
  const long = `${'many words of a long report '.repeat(700)}`
  const { response } = await client.chat.completions.create(ask('chosen')).withResponse()
  await client.chat.completions.create(ask(long))
  await client.chat.completions.create({ ...ask('named'), model: 'gpt-4o' })
  upstream.fail({ type: 'status', status: 500 })
  await client.chat.completions.create(ask('falls back'))
  expect(upstream.requests.map(({ body }) => (body as { model: string }).model)).toEqual([
    'gpt-4.1-nano',
    'gpt-4o-mini',
    'gpt-4o-mini',
    'gpt-4.1-nano',
    'gpt-4o-mini',
  ])
  expect(response.headers.get('x-gateway-model')).toBe('gpt-4.1-nano')
  await client.gateway.flush()
  expect(records.map(({ model, route }) => `${model} ${route}`)).toEqual([
    'gpt-4.1-nano default',
    'gpt-4o-mini escalated',
    'gpt-4o-mini requested',
    'gpt-4o-mini failover',
  ])
  const { usage, costUsd } = records[0] as CallRecord
  expect(costUsd).toBeCloseTo(((usage?.input ?? 0) * 0.1 + (usage?.output ?? 0) * 0.4) / 1e6, 5)
})

test('options beat the environment, and that beats the policy; an agent of the policy beats its rest', async () => {
  const { url } = await standIn(() => ({ body: chat('proxied') }))
  const litellm = { baseURL: url, apiKey: 'sk-team' }
  const modeOf = async (some: Policy, gateway = {}) => {
    const { client } = await setup({ policy: policy(some), litellm, ...gateway })
    return client.gateway.stats().mode
  }
  expect(await modeOf({})).toBe('embedded')
  expect(await modeOf({ mode: 'litellm' })).toBe('litellm')
  expect(await modeOf({ mode: 'litellm', agents: { support: { mode: 'direct' } } })).toBe('direct')
  expect(await modeOf({ mode: 'litellm' }, { mode: 'embedded' })).toBe('embedded')
  vi.stubEnv('LLM_GATEWAY_MODE', 'litellm')
  expect(await modeOf({ mode: 'direct' })).toBe('litellm')
  expect(await modeOf({}, { mode: 'direct' })).toBe('direct')
  vi.unstubAllEnvs()
})

test('agents of one client go three ways, and each is told of', async () => {
  const { url, seen } = await standIn(() => ({ body: chat('proxied') }))
  const { client, upstream, records } = await setup({
    policy: policy({ agents: { seo: { mode: 'litellm' }, ads: { mode: 'direct' } } }),
    litellm: { baseURL: url, apiKey: 'sk-team' },
  })
  for (const agent of ['support', 'seo', 'ads'])
    await client.chat.completions.create(ask('a'), gatewayOptions({ agent }))
  await client.gateway.flush()
  expect([upstream.count(), seen.length]).toEqual([2, 1])
  expect(
    upstream.requests.some(({ headers }) =>
      Object.keys(headers).some((name) => name.startsWith('x-gateway')),
    ),
  ).toBe(false)
  expect(records.map(({ agent, mode, cache, bypass }) => ({ agent, mode, cache, bypass }))).toEqual([
    { agent: 'support', mode: undefined, cache: 'miss', bypass: undefined },
    { agent: 'seo', mode: 'litellm', cache: 'miss', bypass: undefined },
    { agent: 'ads', mode: 'direct', cache: 'bypass', bypass: 'direct' },
  ])
})

test('a mode for which there is no way changes nothing, and is said once', async () => {
  const warn = vi.spyOn(console, 'warn').mockReturnValue()
  const { client, upstream } = await setup({ policy: policy({ agents: { support: { mode: 'litellm' } } }) })
  await client.chat.completions.create(ask('a'))
  await client.chat.completions.create(ask('b'))
  expect(upstream.count()).toBe(2)
  expect(warn.mock.calls.flat().filter((line) => String(line).includes('LITELLM_BASE_URL'))).toHaveLength(1)
  warn.mockRestore()
})

test('a call that goes straight has equal arguments and the very Response of `fetch`', async () => {
  const { upstream } = await setup()
  const given: unknown[] = []
  const answers: Response[] = []
  const gateway = createGateway({
    mode: 'direct',
    agent: 'support',
    onCall: () => undefined,
    async fetch(...args: Parameters<typeof fetch>) {
      given.push(...args)
      const response = await fetch(...args)
      answers.push(response)
      return response
    },
  } as Parameters<typeof createGateway>[0])
  const init = {
    method: 'POST',
    body: JSON.stringify(ask('a')),
    headers: { 'content-type': 'application/json', authorization: 'Bearer k' },
  }
  const url = `${upstream.baseURL}/chat/completions`
  const response = await gateway.fetch(url, init)
  expect(given[0]).toBe(url)
  expect(given[1]).toStrictEqual({ ...init, headers: new Headers(init.headers) })
  expect(response).toBe(answers[0])
  expect(((await response.json()) as { object: string }).object).toBe('chat.completion')
})

test('a call that goes straight is told of in full: tokens, dollars, times; whole and streamed', async () => {
  const { client, records } = await setup({ mode: 'direct', policy: policy() })
  const whole = await client.chat.completions.create(
    ask('a'),
    gatewayOptions({ session: 'S-1', tags: ['t'] }),
  )
  const stream = await client.chat.completions.create({
    ...ask('a'),
    stream: true,
    stream_options: { include_usage: true },
  })
  let usage: OpenAI.CompletionUsage | null | undefined
  for await (const chunk of stream) usage = chunk.usage ?? usage
  await client.responses.create({ model: 'gpt-4o', input: 'a' })
  await client.embeddings.create({ model: 'text-embedding-3-large', input: 'a' })
  await client.models.list()
  expect(await client.gateway.flush()).toBe(true)
  expect(records.map(({ operation, mode, status }) => ({ operation, mode, status }))).toEqual(
    ['chat', 'chat', 'responses', 'embeddings', 'other'].map((operation) => ({
      operation,
      mode: 'direct',
      status: 'ok',
    })),
  )
  const [first, second] = records as [CallRecord, CallRecord]
  expect(first).toMatchObject({
    agent: 'support',
    team: 'team',
    session: 'S-1',
    tags: ['t'],
    model: 'gpt-4o-mini',
    usage: { input: whole.usage?.prompt_tokens, output: whole.usage?.completion_tokens },
    attempts: [{ model: 'gpt-4o-mini', status: 200 }],
  })
  expect(first.costUsd).toBeGreaterThan(0)
  expect(second.usage).toMatchObject({ input: usage?.prompt_tokens, output: usage?.completion_tokens })
  expect(second.firstTokenMs).toBeGreaterThan(0)
  expect(client.gateway.stats()).toMatchObject({ faults: 0, pending: 0, mode: 'direct' })
})

const faults = [
  ['a rate limit', { type: 'status', status: 429, retryAfter: 0 }, 'failed'],
  ['a broken server', { type: 'status', status: 500 }, 'failed'],
  ['a reset', { type: 'reset' }, 'failed'],
  ['a stream that is cut', { type: 'cut', afterChunks: 2 }, 'failed'],
  ['an error in mid-stream', { type: 'error-event', afterChunks: 2 }, 'failed'],
] as const
test.each(faults)('%s looks to who goes straight as to the bare client', async (_, fault, status) => {
  const { client, bare, upstream, records } = await setup(
    { mode: 'direct', policy: policy() },
    { maxRetries: 1 },
  )
  const calls = (of: OpenAI) => async () => {
    const stream = await of.chat.completions.create({ ...ask('a'), stream: true })
    let text = ''
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
    return text
  }
  upstream.fail(fault as never, { times: 2 })
  const theirs = await outcome(calls(bare))
  const before = upstream.count()
  upstream.reset()
  upstream.fail(fault as never, { times: 2 })
  expect(await outcome(calls(client))).toEqual(theirs)
  expect(upstream.count()).toBe(before)
  expect(await client.gateway.flush()).toBe(true)
  expect(records).toHaveLength(1)
  expect(records[0]).toMatchObject({ status, mode: 'direct', attempts: Array(before).fill({}) })
  expect(client.gateway.stats().faults).toBe(0)
})

test('a caller that aborts a direct call stops upstream, and the record says so', async () => {
  const { client, upstream, records } = await setup(
    { mode: 'direct', policy: policy() },
    { maxRetries: 0 },
    { chunkDelayMs: 20 },
  )
  const stream = await client.chat.completions.create({ ...ask('a long answer, please'), stream: true })
  for await (const _ of stream) break
  const controller = new AbortController()
  upstream.fail({ type: 'hang' })
  const hanging = client.chat.completions.create(ask('b'), { signal: controller.signal })
  setTimeout(() => controller.abort(), 30)
  await expect(hanging).rejects.toBeInstanceOf(OpenAI.APIUserAbortError)
  expect(await client.gateway.flush()).toBe(true)
  expect(records.map(({ status }) => status)).toEqual(['aborted', 'aborted'])
})

test('without a subscriber for records, no answer is cloned', async () => {
  const { upstream } = await setup()
  const clone = vi.spyOn(Response.prototype, 'clone')
  const gateway = createGateway({ mode: 'direct', agent: 'support' })
  const init = {
    method: 'POST',
    body: JSON.stringify(ask('a')),
    headers: { 'content-type': 'application/json', authorization: 'Bearer k' },
  }
  const response = await gateway.fetch(`${upstream.baseURL}/chat/completions`, init)
  await response.text()
  expect(clone).not.toHaveBeenCalled()
  clone.mockRestore()
})
