import type OpenAI from 'openai'
import { expect, test } from 'vitest'
import { all, errorOf, setup } from '../test-setup.ts'

type Body = OpenAI.Responses.ResponseCreateParamsNonStreaming

const tool = (name: string): OpenAI.Responses.FunctionTool => ({
  type: 'function',
  name,
  strict: true,
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
})

test('a Response repeats the settings of its request', async () => {
  const { client } = await setup()
  const settings = {
    metadata: { a: 'b' },
    user: 'u',
    safety_identifier: 's',
    prompt_cache_key: 'k',
    instructions: 'Be brief.',
    temperature: 0.5,
    top_p: 0.9,
    parallel_tool_calls: false,
    truncation: 'auto',
    max_output_tokens: 999,
    tool_choice: 'none',
    tools: [tool('alpha')],
    store: false,
  } as const
  const tools = [...settings.tools]
  expect(await client.responses.create({ model: 'gpt-4o', input: 'x', ...settings, tools })).toMatchObject({
    ...settings,
    tools,
  })
})

test('store is true and the format text by default', async () => {
  const { client } = await setup()
  const response = await client.responses.create({ model: 'gpt-4o', input: 'x' })
  expect(response).toMatchObject({ store: true, text: { format: { type: 'text' } }, status: 'completed' })
  expect(response.output_text).not.toBe('')
})

const EVENTS: [what: string, body: Body, events: string[]][] = [
  [
    'a text',
    { model: 'gpt-4o', input: 'x' },
    [
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ],
  ],
  [
    'a refusal',
    { model: 'gpt-4o', input: '[refuse]' },
    [
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.refusal.delta',
      'response.refusal.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ],
  ],
  [
    'a call',
    { model: 'gpt-4o', input: 'alpha', tools: [tool('alpha')] },
    [
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.completed',
    ],
  ],
  [
    'a thought, and a text that is cut',
    { model: 'gpt-5', input: 'x', reasoning: { summary: 'auto' }, max_output_tokens: 8 },
    [
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.reasoning_summary_part.added',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.done',
      'response.reasoning_summary_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.incomplete',
    ],
  ],
]

test.each(EVENTS)('the events of %s come in the official order, numbered', async (_, body, expected) => {
  const { client } = await setup()
  const events = await all(await client.responses.create({ ...body, stream: true }))
  expect(events.map(({ type }) => type).filter((type, at, types) => type !== types[at - 1])).toEqual(expected)
  expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, at) => at))
  const last = events.at(-1) as OpenAI.Responses.ResponseCompletedEvent
  const {
    output_text: _text,
    _request_id,
    ...whole
  } = (await client.responses.create(body)) as Awaited<ReturnType<typeof client.responses.create>> & {
    output_text: string
    _request_id?: string
  }
  expect(last.response).toEqual(whole)
})

test("the SDK's helper adds a stream of parallel calls up to the whole Response", async () => {
  const { client } = await setup()
  const body = { model: 'gpt-4o', input: 'alpha and beta', tools: [tool('alpha'), tool('beta')] }
  const whole = await client.responses.create(body)
  const calls = (response: { output: OpenAI.Responses.ResponseOutputItem[] }) =>
    response.output.map((item) => item.type === 'function_call' && [item.name, item.call_id, item.arguments])
  const final = await client.responses.stream(body).finalResponse()
  expect(calls(final)).toEqual(calls(whole))
  expect(calls(whole)).toHaveLength(2)
})

test("a function's output is answered with a message that mentions it", async () => {
  const { client } = await setup()
  const response = await client.responses.create({
    model: 'gpt-4o',
    tools: [tool('alpha')],
    input: [
      { role: 'user', content: 'alpha' },
      { type: 'function_call', call_id: 'call_1', name: 'alpha', arguments: '{}' },
      { type: 'function_call_output', call_id: 'call_1', output: '21 degrees' },
    ],
  })
  expect(response.output_text).toContain('21 degrees')
})

test('text.format json_schema is satisfied and parsed', async () => {
  const { client } = await setup()
  const schema = { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] }
  const parsed = await client.responses.parse({
    model: 'gpt-4o',
    input: 'x',
    text: { format: { type: 'json_schema', name: 'answer', schema } },
  })
  expect(parsed.output_parsed).toEqual({ ok: expect.any(Boolean) })
})

test('an answer cut by max_output_tokens is incomplete, with the reason', async () => {
  const { client } = await setup()
  const response = await client.responses.create({ model: 'gpt-4o', input: 'x', max_output_tokens: 2 })
  expect(response).toMatchObject({
    status: 'incomplete',
    incomplete_details: { reason: 'max_output_tokens' },
    output: [{ type: 'message', status: 'incomplete' }],
  })
})

test('a reasoning model sends encrypted reasoning on request', async () => {
  const { client } = await setup()
  const include = ['reasoning.encrypted_content' as const]
  const { output, usage } = await client.responses.create({ model: 'o3', input: 'x', include })
  expect(output[0]).toMatchObject({ type: 'reasoning', summary: [], encrypted_content: expect.any(String) })
  expect(usage?.output_tokens_details.reasoning_tokens).toBeGreaterThan(0)
})

test('log probabilities come in the text and in its deltas where they are included', async () => {
  const { client } = await setup()
  const include = ['message.output_text.logprobs' as const]
  const body = { model: 'gpt-4o', input: 'x', include, top_logprobs: 2 }
  const { output } = await client.responses.create(body)
  const part = output[0]?.type === 'message' ? output[0].content[0] : undefined
  const whole = part?.type === 'output_text' ? (part.logprobs ?? []) : []
  expect(whole.length).toBeGreaterThan(0)
  const events = await all(await client.responses.create({ ...body, stream: true }))
  const streamed = events.flatMap((event) =>
    event.type === 'response.output_text.delta' ? event.logprobs : [],
  )
  expect(streamed.map(({ token, logprob }) => [token, logprob])).toEqual(
    whole.map(({ token, logprob }) => [token, logprob]),
  )
})

test('a stored Response can be retrieved until it is deleted; one that was not stored cannot', async () => {
  const { client } = await setup()
  const { id, output } = await client.responses.create({ model: 'gpt-4o', input: 'x' })
  expect((await client.responses.retrieve(id)).output).toEqual(output)
  await client.responses.delete(id)
  expect(await errorOf(client.responses.retrieve(id))).toMatchObject({ status: 404 })
  const fleeting = await client.responses.create({ model: 'gpt-4o', input: 'x', store: false })
  expect(await errorOf(client.responses.retrieve(fleeting.id))).toMatchObject({ status: 404 })
})
