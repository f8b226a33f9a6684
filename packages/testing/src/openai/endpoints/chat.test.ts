import type OpenAI from 'openai'
import { expect, test } from 'vitest'
import { all, ask, setup } from '../test-setup.ts'

const tool = (name: string): OpenAI.Chat.ChatCompletionFunctionTool => ({
  type: 'function',
  function: {
    name,
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
})

test('a whole answer has the fields that OpenAI sends, and no others', async () => {
  const { client } = await setup()
  const { data, response } = await client.chat.completions.create(ask('hello')).withResponse()
  expect(data).toEqual({
    id: expect.stringMatching(/^chatcmpl-[0-9a-f]{24}$/),
    object: 'chat.completion',
    created: expect.any(Number),
    model: 'gpt-4o-mini',
    service_tier: 'default',
    system_fingerprint: expect.stringMatching(/^fp_[0-9a-f]{10}$/),
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: expect.any(String), refusal: null, annotations: [] },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: {
      prompt_tokens: expect.any(Number),
      completion_tokens: expect.any(Number),
      total_tokens: expect.any(Number),
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
      completion_tokens_details: {
        reasoning_tokens: 0,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
    },
  })
  for (const name of [
    'x-request-id',
    'openai-processing-ms',
    'openai-version',
    'x-ratelimit-remaining-tokens',
  ])
    expect(response.headers.get(name)).toBeTruthy()
})

test('a stream opens with the role, closes with the finish reason, and sends its usage last and only on request', async () => {
  const { client } = await setup()
  const options = { stream: true, stream_options: { include_usage: true } } as const
  const chunks = await all(await client.chat.completions.create({ ...ask('x'), ...options }))
  expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '', refusal: null })
  expect(chunks.at(-2)?.choices[0]).toEqual({ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' })
  expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true)
  expect([chunks.at(-1)?.choices, chunks.at(-1)?.usage?.total_tokens]).toEqual([[], expect.any(Number)])
  const plain = await all(await client.chat.completions.create({ ...ask('x'), stream: true }))
  expect(plain.some((chunk) => 'usage' in chunk || 'obfuscation' in chunk)).toBe(false)
  const padded = { stream: true, stream_options: { include_obfuscation: true } } as const
  const [first] = await all(await client.chat.completions.create({ ...ask('x'), ...padded }))
  expect(first).toHaveProperty('obfuscation')
})

test('a stream ends with [DONE]', async () => {
  const { client } = await setup()
  const response = await client.chat.completions.create({ ...ask('x'), stream: true }).asResponse()
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  expect((await response.text()).endsWith('\n\ndata: [DONE]\n\n')).toBe(true)
})

test('every tool that the prompt names is called at once, or only one where parallel calls are off', async () => {
  const { client } = await setup()
  const tools = [tool('get_weather'), tool('get_news'), tool('other')]
  const body = { ...ask('get_weather and get_news for Paris'), tools }
  const names = async (extra: object) =>
    (await client.chat.completions.create({ ...body, ...extra })).choices[0]?.message.tool_calls?.map(
      (call) => (call.type === 'function' ? call.function.name : call.custom.name),
    )
  expect(await names({})).toEqual(['get_weather', 'get_news'])
  expect(await names({ parallel_tool_calls: false })).toEqual(['get_weather'])
  expect(await names({ ...ask('hm') })).toEqual(['get_weather'])
  expect(await names({ ...ask('hm'), tool_choice: 'required' })).toEqual(['get_weather', 'get_news', 'other'])
  expect(await names({ tool_choice: { type: 'function', function: { name: 'other' } } })).toEqual(['other'])
  expect(await names({ tool_choice: 'none' })).toBeUndefined()
})

test('streamed tool calls name themselves first; their arguments add up to the same calls', async () => {
  const { client } = await setup()
  const body = { ...ask('alpha beta'), tools: [tool('alpha'), tool('beta')] }
  const whole = await client.chat.completions.create(body)
  const chunks = await all(await client.chat.completions.create({ ...body, stream: true }))
  const deltas = chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? [])
  const joined = [0, 1].map((at) => deltas.filter(({ index }) => index === at))
  expect(joined.map(([first]) => first)).toMatchObject([
    { id: expect.stringMatching(/^call_/), type: 'function', function: { name: 'alpha', arguments: '' } },
    { id: expect.stringMatching(/^call_/), type: 'function', function: { name: 'beta', arguments: '' } },
  ])
  const given = whole.choices[0]?.message.tool_calls?.map(
    (call) => 'function' in call && call.function.arguments,
  )
  expect(joined.map((call) => call.map((part) => part.function?.arguments).join(''))).toEqual(given)
  expect(JSON.parse(String(given?.[0]))).toEqual({ city: expect.any(String) })
})

test("a tool's result is answered with a text that mentions it", async () => {
  const { client } = await setup()
  const called = { id: 'call_1', type: 'function' as const, function: { name: 'alpha', arguments: '{}' } }
  const { choices } = await client.chat.completions.create({
    model: 'gpt-4o',
    tools: [tool('alpha')],
    messages: [
      { role: 'user', content: 'alpha' },
      { role: 'assistant', tool_calls: [called] },
      { role: 'tool', tool_call_id: 'call_1', content: '21 degrees' },
    ],
  })
  expect([choices[0]?.finish_reason, choices[0]?.message.content]).toEqual([
    'stop',
    expect.stringContaining('21 degrees'),
  ])
})

test('the old functions get the old function_call, whole and streamed', async () => {
  const { client } = await setup()
  const body = { ...ask('x'), functions: [{ name: 'old', parameters: { type: 'object' } }] }
  const [whole] = (await client.chat.completions.create(body)).choices
  expect([whole?.finish_reason, whole?.message.function_call]).toEqual([
    'function_call',
    { name: 'old', arguments: '{}' },
  ])
  const final = await client.chat.completions.stream(body).finalChatCompletion()
  expect(final.choices[0]?.message.function_call).toEqual({ name: 'old', arguments: '{}' })
})

test('parse() finds what the json_schema demands; json_object is an object', async () => {
  const { client } = await setup()
  const schema = {
    type: 'object',
    properties: { total: { type: 'integer', minimum: 3 }, when: { type: 'string', format: 'date' } },
    required: ['total', 'when'],
    additionalProperties: false,
  }
  const parsed = await client.chat.completions.parse({
    ...ask('x'),
    response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } },
  })
  expect(parsed.choices[0]?.message.parsed).toEqual({
    total: expect.any(Number),
    when: expect.stringMatching(/^\d{4}-\d{2}-\d{2}$/),
  })
  const loose = await client.chat.completions.create({
    ...ask('x'),
    response_format: { type: 'json_object' },
  })
  expect(JSON.parse(loose.choices[0]?.message.content ?? '')).toEqual({ answer: expect.any(String) })
})

test('a schema in the prompt, or beside json_object, is followed', async () => {
  const { client } = await setup()
  const schema = {
    type: 'object',
    properties: { note: { type: 'string', description: 'any } brace' }, count: { type: 'integer' } },
    required: ['note', 'count'],
  }
  const satisfied = { note: expect.any(String), count: expect.any(Number) }
  const written = [
    { role: 'system' as const, content: `Answer by this JSON schema: ${JSON.stringify(schema)} only.` },
  ]
  const asked = { model: 'gpt-4o-mini', messages: [...written, { role: 'user' as const, content: 'x' }] }
  const beside = { type: 'json_object' as const, schema }
  for (const body of [
    asked,
    { ...asked, response_format: { type: 'json_object' as const } },
    { ...ask('x'), response_format: beside },
  ]) {
    const { choices } = await client.chat.completions.create(body)
    expect(JSON.parse(choices[0]?.message.content ?? '')).toEqual(satisfied)
  }
  for (const content of [
    'What is a JSON schema?',
    'JSON schema: {"properties": ',
    'JSON schema: {} of nothing',
  ]) {
    const { choices } = await client.chat.completions.create(ask(content))
    expect(() => JSON.parse(choices[0]?.message.content ?? '')).toThrow()
  }
})

test('[refuse] is refused, without content', async () => {
  const { client } = await setup()
  const { choices } = await client.chat.completions.create(ask('please [refuse]'))
  expect(choices[0]?.message).toMatchObject({ content: null, refusal: expect.any(String) })
  const streamed = await client.chat.completions.stream(ask('please [refuse]')).finalMessage()
  expect(streamed.refusal).toBe(choices[0]?.message.refusal)
})

test('each token has its log probability, with the requested number of alternatives', async () => {
  const { client } = await setup()
  const body = { ...ask('x'), logprobs: true, top_logprobs: 3 }
  const [whole] = (await client.chat.completions.create(body)).choices
  const entries = whole?.logprobs?.content ?? []
  expect(entries.map(({ token }) => token).join('')).toBe(whole?.message.content)
  for (const { token, logprob, top_logprobs } of entries) {
    expect(logprob).toBeLessThan(0)
    expect(new Set(top_logprobs.map((other) => other.token)).size).toBe(3)
    expect(top_logprobs[0]?.token).toBe(token)
  }
  const chunks = await all(await client.chat.completions.create({ ...body, stream: true }))
  expect(chunks.flatMap(({ choices }) => choices[0]?.logprobs?.content ?? [])).toEqual(entries)
})

test('n choices differ, and their chunks are interleaved', async () => {
  const { client } = await setup()
  const { choices } = await client.chat.completions.create({ ...ask('x'), n: 3 })
  expect(new Set(choices.map(({ message }) => message.content)).size).toBe(3)
  const chunks = await all(await client.chat.completions.create({ ...ask('x'), n: 3, stream: true }))
  expect(chunks.slice(0, 6).map((chunk) => chunk.choices[0]?.index)).toEqual([0, 1, 2, 0, 1, 2])
})

test('max_tokens cuts the text after exactly that number of tokens, and says so', async () => {
  const { client } = await setup({ tokens: 'exact' })
  const { choices, usage } = await client.chat.completions.create({ ...ask('x'), max_tokens: 5 })
  expect([choices[0]?.finish_reason, usage?.completion_tokens]).toEqual(['length', 5])
})

test('reasoning models use reasoning tokens within max_completion_tokens', async () => {
  const { client } = await setup()
  const thought = async (body: object) =>
    (await client.chat.completions.create({ ...ask('x', 'o4-mini'), ...body })).usage
      ?.completion_tokens_details?.reasoning_tokens
  expect(await thought({})).toBeGreaterThan(0)
  expect(await thought({ max_completion_tokens: 20 })).toBe(10)
  expect(await thought({ model: 'gpt-4o' })).toBe(0)
})

test('[cached] in the prompt makes its full blocks of 128 tokens cached ones', async () => {
  const { client } = await setup()
  const { usage } = await client.chat.completions.create(ask(`[cached] ${'word '.repeat(1_000)}`))
  const { prompt_tokens = 0, prompt_tokens_details } = usage ?? {}
  expect(prompt_tokens_details?.cached_tokens).toBe(Math.floor(prompt_tokens / 128) * 128)
})

test("exact prompt tokens follow OpenAI's formula, names included", async () => {
  const { client } = await setup({ tokens: 'exact' })
  const { usage } = await client.chat.completions.create({
    model: 'gpt-4o',
    messages: [
      { role: 'system', content: 'hello world', name: 'hello' },
      { role: 'user', content: [{ type: 'text', text: 'hello world' }] },
    ],
  })
  expect(usage?.prompt_tokens).toBe(3 + 1 + 2 + (1 + 1) + (3 + 1 + 2) + 3)
})
