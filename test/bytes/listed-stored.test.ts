import { afterEach, describe, expect, test } from 'vitest'
import { clientsOf, DONE, jsonOf, sse, streamOf, wireOf } from '../hostile/wire.ts'
import { until } from '../until.ts'
import { role, say, stop, usage } from './chunk.ts'
import { ASK, expectUnpolluted } from './listed-kit.ts'

afterEach(expectUnpolluted)

describe('stored is what was asked for', () => {
  const store = async (
    answer: object,
    ask: (client: ReturnType<typeof clientsOf>['client']) => PromiseLike<unknown>,
  ) => {
    const wire = wireOf(jsonOf(JSON.stringify(answer)))
    const { client } = clientsOf(wire)
    for (let round = 0; round < 2; round += 1) {
      await Promise.resolve(ask(client)).catch(() => undefined)
      await client.gateway.flush()
    }
    return wire.calls() === 1
  }
  const message = (content: unknown, extra: object = {}) => ({ role: 'assistant', content, ...extra })
  const choice = (message: object, finish_reason: unknown = 'stop', index = 0) => ({
    index,
    message,
    logprobs: null,
    finish_reason,
  })
  const completion = (...choices: object[]) => ({
    id: 'c',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices,
    usage,
  })
  const toolCall = (given: unknown, name = 'pay') => ({
    id: 'a',
    type: 'function',
    function: { name, arguments: given },
  })
  const tools = [{ type: 'function' as const, function: { name: 'pay', parameters: {} } }]

  const chats: [string, boolean, object, object?][] = [
    ['an answer', true, completion(choice(message('x')))],
    ['n: 3 with one choice', false, completion(choice(message('x'))), { n: 3 }],
    [
      'n: 2 with the first choice twice',
      false,
      completion(choice(message('x')), choice(message('y'))),
      { n: 2 },
    ],
    ['n: 2', true, completion(choice(message('x')), choice(message('y'), 'stop', 1)), { n: 2 }],
    ['no choice', false, completion()],
    [
      'arguments that do not parse',
      false,
      completion(choice(message(null, { tool_calls: [toolCall('{"eur":')] }), 'tool_calls')),
      { tools },
    ],
    [
      'arguments twice',
      false,
      completion(choice(message(null, { tool_calls: [toolCall('{"eur":1}{"eur":1}')] }), 'tool_calls')),
      { tools },
    ],
    [
      'arguments that are no text',
      false,
      completion(choice(message(null, { tool_calls: [toolCall({ eur: 1 })] }), 'tool_calls')),
      { tools },
    ],
    [
      'a name twice',
      false,
      completion(choice(message(null, { tool_calls: [toolCall('{}', 'paypay')] }), 'tool_calls')),
      { tools },
    ],
    [
      'a call',
      true,
      completion(choice(message(null, { tool_calls: [toolCall('{"eur":1}')] }), 'tool_calls')),
      { tools },
    ],
    ['tool_calls as finish without calls', false, completion(choice(message('x'), 'tool_calls'))],
    ['function_call as finish without a call', false, completion(choice(message('x'), 'function_call'))],
    ['empty content', false, completion(choice(message('')))],
    ['content in parts', false, completion(choice(message([{ type: 'text', text: 'x' }])))],
    ['no content', false, completion(choice(message(null)))],
    ['a refusal', true, completion(choice(message(null, { refusal: 'No.' })))],
    ['a finish that is no text', false, completion(choice(message('x'), { toString: 1 }))],
    ['an error under 200', false, { error: { message: 'no' } }],
    ['an error beside an answer', false, { ...completion(choice(message('x'))), error: 'no' }],
    [
      'invalid JSON',
      false,
      completion(choice(message('{"a":'))),
      { response_format: { type: 'json_object' } },
    ],
  ]
  test.each(chats)('chat: %s: %s', async (_, stored, answer, params) => {
    expect(await store(answer, (client) => client.chat.completions.create({ ...ASK, ...params }))).toBe(
      stored,
    )
  })

  const vector = (embedding: unknown, index = 0) => ({ object: 'embedding', index, embedding })
  const vectors = (...data: object[]) => ({
    object: 'list',
    model: 'm',
    data,
    usage: { prompt_tokens: 1, total_tokens: 1 },
  })
  const abc = { input: ['a', 'b', 'c'], encoding_format: 'float' }
  const base64 = (...numbers: number[]) => Buffer.from(Float32Array.from(numbers).buffer).toString('base64')
  const embeddings: [string, boolean, object, object?][] = [
    ['one vector', true, vectors(vector([1, 2]))],
    ['0 of 3 vectors', false, vectors(), abc],
    ['2 of 3 vectors', false, vectors(vector([1]), vector([2], 1)), abc],
    ['4 of 3 vectors', false, vectors(...[0, 1, 2, 3].map((at) => vector([1], at))), abc],
    ['3 of 3 vectors', true, vectors(...[2, 0, 1].map((at) => vector([1], at))), abc],
    ['one vector twice', false, vectors(vector([1]), vector([1]), vector([1], 2)), abc],
    ['vectors of unequal length', false, vectors(vector([1]), vector([1, 2], 1), vector([1], 2)), abc],
    ['an empty vector', false, vectors(vector([]))],
    ['null among the numbers', false, vectors(vector([1, null]))],
    ['text for numbers', false, vectors(vector(['1']))],
    ['base64 as asked', true, vectors(vector(base64(1, 2))), { encoding_format: 'base64' }],
    ['base64 that was not asked', false, vectors(vector(base64(1, 2)))],
    ['base64 of half a number', false, vectors(vector('AAAAAAA=')), { encoding_format: 'base64' }],
    ['base64 of NaN', false, vectors(vector(base64(1, Number.NaN))), { encoding_format: 'base64' }],
    ['other dimensions', false, vectors(vector([1, 2])), { dimensions: 3 }],
    ['an error under 200', false, { error: { message: 'no' }, data: [vector([1])] }],
  ]
  test.each(embeddings)('embeddings: %s: %s', async (_, stored, answer, params) => {
    const asked = { model: 'm', input: 'x', encoding_format: 'float' as const, ...params }
    expect(await store(answer, (client) => client.embeddings.create(asked))).toBe(stored)
  })

  const said = {
    type: 'message',
    id: 'msg_1',
    role: 'assistant',
    status: 'completed',
    content: [{ type: 'output_text', text: 'x', annotations: [] }],
  }
  const response = (output: unknown, extra: object = {}) => ({
    id: 'resp_1',
    object: 'response',
    created_at: 1,
    status: 'completed',
    model: 'm',
    error: null,
    output,
    usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
    ...extra,
  })
  const called = (given: string) => ({
    type: 'function_call',
    id: 'fc_1',
    call_id: 'c1',
    name: 'pay',
    status: 'completed',
    arguments: given,
  })
  const responses: [string, boolean, object][] = [
    ['a message', true, response([said])],
    ['no output', false, response([])],
    ['output that is no list', false, response(null)],
    [
      'an empty message',
      false,
      response([{ ...said, content: [{ type: 'output_text', text: '', annotations: [] }] }]),
    ],
    ['a message without content', false, response([{ ...said, content: [] }])],
    ['reasoning and nothing else', false, response([{ type: 'reasoning', id: 'rs_1', summary: [] }])],
    ['a call', true, response([called('{"eur":1}')])],
    ['a call that does not parse', false, response([called('{"eur":')])],
    ['an unfinished item', false, response([{ ...said, status: 'in_progress' }])],
    ['an error under completed', false, response([said], { error: { code: 'x' } })],
    ['one id twice', false, response([said, said])],
  ]
  test.each(responses)('responses: %s: %s', async (_, stored, answer) => {
    expect(await store(answer, (client) => client.responses.create({ model: 'm', input: 'x' }))).toBe(stored)
  })

  test.each([
    ['a text', true, 'x'],
    ['an empty text', false, ''],
  ])('completions: %s: %s', async (_, stored, text) => {
    const answer = {
      id: 'c',
      object: 'text_completion',
      created: 1,
      model: 'm',
      choices: [{ text, index: 0, logprobs: null, finish_reason: 'stop' }],
      usage,
    }
    expect(await store(answer, (client) => client.completions.create({ model: 'm', prompt: 'x' }))).toBe(
      stored,
    )
  })
})

test('a stream is stored at its last word, though a character of the comment after it has arrived in part', async () => {
  const wire = wireOf(
    streamOf(
      new Uint8Array(
        [...Buffer.from(`${sse(role, say('an answer'), stop())}${DONE}: \ud83d\ude42`)].slice(0, -2),
      ),
      new Uint8Array([...Buffer.from('\ud83d\ude42')].slice(2)),
      '\n\n',
    ),
  )
  const { client } = clientsOf(wire)
  const said = async () => {
    let text = ''
    for await (const { choices } of await client.chat.completions.create({ ...ASK, stream: true }))
      text += choices[0]?.delta.content ?? ''
    return text
  }
  wire.hold(1)
  const first = said()
  await until(() => wire.held() === 1, 'the body stands still')
  expect(await said()).toBe('an answer')
  expect(wire.calls()).toBe(1)
  wire.release()
  expect(await first).toBe('an answer')
})
