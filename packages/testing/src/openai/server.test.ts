import OpenAI, { type APIError } from 'openai'
import { afterEach, expect, test, vi } from 'vitest'
import { allowLogInFile } from '../../../../test/console.ts'
import { type FakeOpenAI, type FakeOpenAIOptions, startFakeOpenAI } from './server.ts'

/** The SDK's own words about a chunk that is no JSON. */
allowLogInFile(/^Could not parse message into JSON:/, /^From chunk:/)

const open: FakeOpenAI[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((upstream) => upstream.close()))
})

async function setup(options?: FakeOpenAIOptions) {
  const upstream = await startFakeOpenAI({ tokens: 'approximate', ...options })
  open.push(upstream)
  return { upstream, client: new OpenAI({ baseURL: upstream.baseURL, apiKey: 'k', maxRetries: 0 }) }
}

const ask = (content: string) => ({ model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content }] })
const errorOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: APIError) => error,
  )

test('two servers give the same answer to the same question, and another to another', async () => {
  const [one, two] = [await setup(), await setup()]
  const first = await one.client.chat.completions.create(ask('x'))
  expect(await two.client.chat.completions.create(ask('x'))).toEqual(first)
  expect((await one.client.chat.completions.create(ask('y'))).id).not.toBe(first.id)
})

test('a stream adds up to the whole answer: text, n, tools, refusals, logprobs', async () => {
  const { client } = await setup()
  const tools = ['weather', 'news'].map((name) => ({
    type: 'function' as const,
    function: { name, parameters: { type: 'object', properties: { city: { type: 'string' } } } },
  }))
  const bodies = [
    ask('x'),
    { ...ask('x'), n: 3 },
    { ...ask('weather and news'), tools },
    ask('[refuse]'),
    { ...ask('x'), logprobs: true, top_logprobs: 2 },
  ]
  for (const body of bodies) {
    const whole = await client.chat.completions.create(body)
    const added = await client.chat.completions
      .stream({ ...body, stream_options: { include_usage: true } })
      .finalChatCompletion()
    const said = (of: typeof whole) =>
      of.choices.map(({ message, finish_reason }) => [
        message.content,
        message.refusal,
        message.tool_calls?.map((call) => ({
          ...call,
          function: { ...('function' in call ? call.function : {}), parsed_arguments: undefined },
        })),
        finish_reason,
      ])
    expect(said(added as never)).toEqual(said(whole).map((choice) => choice))
    expect(added.usage).toEqual(whole.usage)
  }
})

test("a JSON Schema is satisfied, its properties in the schema's order", async () => {
  const { client } = await setup()
  const schema = {
    type: 'object',
    properties: {
      zeta: { type: 'integer', minimum: 5 },
      alpha: { enum: ['a', 'b'] },
      list: { type: 'array', items: { $ref: '#/$defs/item' } },
    },
    required: ['zeta', 'alpha', 'list'],
    $defs: { item: { type: 'object', properties: { ok: { type: 'boolean' } } } },
  }
  const { choices } = await client.chat.completions.create({
    ...ask('x'),
    response_format: { type: 'json_schema', json_schema: { name: 's', schema } },
  })
  const value = JSON.parse(choices[0]?.message.content ?? '')
  expect(Object.keys(value)).toEqual(['zeta', 'alpha', 'list'])
  expect(value).toEqual({
    zeta: expect.any(Number),
    alpha: expect.stringMatching(/^[ab]$/),
    list: [{ ok: expect.any(Boolean) }],
  })
})

test("Responses stream through the SDK's own checks to the whole response", async () => {
  const { client } = await setup()
  const body = { model: 'gpt-5', input: 'x', reasoning: { summary: 'auto' as const } }
  const whole = await client.responses.create(body)
  const streamed = await client.responses.stream(body).finalResponse()
  expect(streamed.output_text).toBe(whole.output_text)
  expect(streamed.usage).toEqual(whole.usage)
  expect(whole.usage?.output_tokens_details.reasoning_tokens).toBeGreaterThan(0)
})

test('embeddings are unit vectors, the same as floats and as base64', async () => {
  const { client } = await setup()
  const [plain, floats] = await Promise.all([
    client.embeddings.create({ model: 'text-embedding-3-large', input: ['a', 'b'] }),
    client.embeddings.create({
      model: 'text-embedding-3-large',
      input: ['a', 'b'],
      encoding_format: 'float',
    }),
  ])
  expect(plain.data).toEqual(floats.data)
  expect(Math.hypot(...(plain.data[0]?.embedding ?? []))).toBeCloseTo(1)
})

test("exact tokens follow OpenAI's formula", async () => {
  const { client } = await setup({ tokens: 'exact' })
  const { usage } = await client.chat.completions.create(ask('hello world'))
  expect(usage?.prompt_tokens).toBe(3 + 1 + 2 + 3)
})

test.each([
  [{ type: 'status', status: 429, retryAfter: 7 }, OpenAI.RateLimitError],
  [{ type: 'status', status: 500 }, OpenAI.InternalServerError],
  [{ type: 'status', status: 400, code: 'context_length_exceeded' }, OpenAI.BadRequestError],
  [{ type: 'reset' }, OpenAI.APIConnectionError],
] as const)("%j surfaces as the SDK's own error", async (fault, kind) => {
  const { client, upstream } = await setup()
  upstream.fail(fault)
  const error = await errorOf(client.chat.completions.create(ask('x')))
  expect(error).toBeInstanceOf(kind)
  if ('retryAfter' in fault) expect(error?.headers?.get('retry-after')).toBe('7')
  await client.chat.completions.create(ask('x'))
  expect(upstream.count()).toBe(2)
})

test.each([
  [{ type: 'cut', afterChunks: 2 }, 'terminated'],
  [{ type: 'error-event', afterChunks: 2 }, 'The server had an error'],
  [{ type: 'malformed', afterChunks: 2 }, 'malformed'],
] as const)('%j breaks a stream after two chunks', async (fault, message) => {
  const { client, upstream } = await setup()
  upstream.fail(fault)
  let chunks = 0
  const reading = (async () => {
    for await (const _ of await client.chat.completions.create({ ...ask('x'), stream: true })) chunks += 1
  })()
  await expect(reading).rejects.toThrow(message)
  expect(chunks).toBe(2)
})

test('bytes split anywhere are the same stream; a hang ends with the client; an early end is clean', async () => {
  const { client, upstream } = await setup()
  const whole = await client.chat.completions.create(ask('x'))
  upstream.fail({ type: 'split', bytes: 3 })
  expect(await client.chat.completions.stream(ask('x')).finalContent()).toBe(
    whole.choices[0]?.message.content,
  )
  upstream.fail({ type: 'hang' })
  const controller = new AbortController()
  const hung = errorOf(client.chat.completions.create(ask('x'), { signal: controller.signal }))
  await vi.waitUntil(() => upstream.count() === 3, { timeout: 60_000 })
  controller.abort()
  expect(await hung).toBeInstanceOf(OpenAI.APIUserAbortError)
  await upstream.requests.at(-1)?.closed
  expect(upstream.requests.at(-1)?.aborted).toBe(true)
  upstream.fail({ type: 'end', afterChunks: 1 })
  let chunks = 0
  for await (const _ of await client.chat.completions.create({ ...ask('x'), stream: true })) chunks += 1
  expect(chunks).toBe(1)
})

test('faults wait for a request that matches; answers are given in the order in which they were scripted', async () => {
  const { client, upstream } = await setup()
  upstream.fail({ type: 'status', status: 503 }, { when: { model: 'gpt-4o' } })
  upstream.answer('first', { toolCalls: [{ name: 'f', arguments: '{}' }] })
  const first = await client.chat.completions.create(ask('x'))
  const second = await client.chat.completions.create(ask('x'))
  expect([first.choices[0]?.message.content, second.choices[0]?.finish_reason]).toEqual([
    'first',
    'tool_calls',
  ])
  expect(await errorOf(client.chat.completions.create({ ...ask('x'), model: 'gpt-4o' }))).toMatchObject({
    status: 503,
  })
})

test('no key, a wrong key, no model, no JSON and an unknown path are refused as by OpenAI', async () => {
  const { upstream } = await setup({ apiKeys: ['good'] })
  const post = (path: string, body: string, key = 'Bearer good') =>
    fetch(upstream.baseURL + path, { method: 'POST', body, headers: { authorization: key } }).then(
      ({ status }) => status,
    )
  expect(
    await Promise.all([
      post('/chat/completions', '{}', ''),
      post('/chat/completions', '{}', 'Bearer bad'),
      post('/chat/completions', '{"messages":[]}'),
      post('/chat/completions', '{nonsense'),
      post('/no/such/path', '{}'),
    ]),
  ).toEqual([401, 401, 400, 400, 404])
})
