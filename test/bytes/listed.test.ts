import { afterEach, describe, expect, test } from 'vitest'
import { clientsOf, DONE, jsonOf, sse, streamOf, wireOf } from '../hostile/wire.ts'
import { call, chunk, delta, role, say, stop, usage, usageChunk } from './chunk.ts'
import { byChunk, bySdk, four } from './readings.ts'

const ASK = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'x' }] }

afterEach(() => {
  expect(({} as { polluted?: string }).polluted).toBeUndefined()
  expect(Object.keys(Object.prototype)).toEqual([])
})

/** Each of them as the bare client makes it; `calls`: 1 where it is stored, 2 where it is asked for again. */
async function told(body: Parameters<typeof four>[0], calls: number) {
  for (const read of [byChunk, bySdk]) {
    const { expected, calls: asked, ...seen } = await four(body, read)
    expect(seen).toEqual({ miss: expected, hit: expected, follower: expected, late: expected })
    expect(asked).toBe(calls)
  }
}

async function textOf(body: Parameters<typeof wireOf>[0]) {
  const wire = wireOf(body)
  const { client } = clientsOf(wire)
  const ask = async () => {
    let said = ''
    for await (const each of await client.chat.completions.create({ ...ASK, stream: true }))
      said += each.choices[0]?.delta.content ?? ''
    return said
  }
  const first = await ask()
  await client.gateway.flush()
  const again = await ask()
  const whole = await client.chat.completions.create(ASK)
  return { first, again, whole: whole.choices[0]?.message, calls: wire.calls() }
}

describe('what spans two reads is told once', () => {
  const words = sse(say('Transfer 100 euros.'))

  test('a role chunk, 40 bytes of a chunk with content, the rest', async () => {
    const body = streamOf(sse(role), words.slice(0, 40), words.slice(40) + sse(stop(), usageChunk, DONE))
    expect(await textOf(body)).toMatchObject({
      first: 'Transfer 100 euros.',
      again: 'Transfer 100 euros.',
      whole: { content: 'Transfer 100 euros.' },
      calls: 1,
    })
    await told(body, 1)
  })

  test('a heartbeat before it', async () => {
    const body = streamOf(
      sse(role),
      ': ping\n\n',
      ': ping\n',
      '\n',
      words,
      ': ping\n\n',
      sse(stop(), usageChunk, DONE),
    )
    expect(await textOf(body)).toMatchObject({
      first: 'Transfer 100 euros.',
      again: 'Transfer 100 euros.',
      calls: 1,
    })
    await told(body, 1)
  })

  test('a call of a tool', async () => {
    const begins = sse(
      call({ index: 0, id: 'call_1', type: 'function', function: { name: 'pay', arguments: '' } }),
    )
    const goesOn = sse(call({ index: 0, function: { arguments: '{"eur":100}' } }))
    const body = streamOf(
      sse(role) + begins.slice(0, 30),
      begins.slice(30, 60),
      begins.slice(60),
      goesOn.slice(0, 50),
      goesOn.slice(50),
      sse(stop('tool_calls'), usageChunk, DONE),
    )
    const { whole, calls } = await textOf(body)
    expect(whole?.tool_calls).toEqual([
      { id: 'call_1', type: 'function', function: { name: 'pay', arguments: '{"eur":100}' } },
    ])
    expect(calls).toBe(1)
    await told(body, 1)
  })
})

describe('deltas are added up as the SDK adds them up, or not at all', () => {
  const said = (...chunks: object[]) => streamOf(sse(role, ...chunks, usageChunk, DONE))
  const tool = (extra: object, name = 'list_files', given = '{}') =>
    call({ index: 0, id: 'call_1', type: 'function', function: { name, arguments: given }, ...extra })

  test('__proto__ in a delta, a choice, an envelope, a call and log probabilities', async () => {
    const evil = '{"__proto__":{"polluted":"yes"}}'
    const raw = (text: string) => `data: ${text.replaceAll('"EVIL":1', evil.slice(1, -1))}\n\n`
    const places = [
      JSON.stringify(delta({ EVIL: 1 })),
      JSON.stringify(delta({ content: 'x', vendor: { EVIL: 1 } })),
      JSON.stringify(delta({ content: 'x' }, { EVIL: 1 })),
      JSON.stringify(delta({ content: 'x' }, { logprobs: { content: [], EVIL: 1 } })),
      JSON.stringify(chunk([], { EVIL: 1 })),
      JSON.stringify(
        call({
          index: 0,
          id: 'a',
          type: 'function',
          EVIL: 1,
          function: { name: 'f', arguments: '{}', EVIL: 1 },
        }),
      ),
      JSON.stringify({ EVIL: 1 }),
    ]
    for (const place of places) {
      const wire = wireOf(streamOf(sse(role, say('hi')), raw(place), sse(stop(), usageChunk, DONE)))
      const { client, bare } = clientsOf(wire)
      const expected = await byChunk(bare)
      expect(await byChunk(client)).toEqual(expected)
      await client.gateway.flush()
      expect(await byChunk(client)).toEqual(expected)
      expect(({} as { polluted?: string }).polluted).toBeUndefined()
    }
  })

  test.each([50_000_000, 400_000_000, 4_294_967_295, -1, 1.5, 1e300, '0', null, {}, [0]])(
    'index %j takes neither time nor memory',
    async (index) => {
      const choices = said(chunk([{ index, delta: { content: 'x' }, finish_reason: 'stop' }]), stop())
      const calls = said(
        call({ index, id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }),
        stop('tool_calls'),
      )
      const cpu = process.cpuUsage()
      const { heapUsed } = process.memoryUsage()
      for (const body of [choices, calls]) {
        const wire = wireOf(body)
        const { client } = clientsOf(wire)
        for (let round = 0; round < 2; round += 1) {
          const chunks: unknown[] = []
          for await (const each of await client.chat.completions.create({ ...ASK, stream: true }))
            chunks.push(each)
          expect(chunks).toHaveLength(4)
          await client.gateway.flush()
        }
        expect(wire.calls()).toBe(2)
      }
      const { user, system } = process.cpuUsage(cpu)
      expect((user + system) / 1_000).toBeLessThan(3_000)
      expect(process.memoryUsage().heapUsed - heapUsed).toBeLessThan(100e6)
    },
  )

  test('a name repeated in each delta', async () => {
    const body = said(tool({}, 'list_files', '{"a":'), tool({}, 'list_files', '1}'), stop('tool_calls'))
    // The SDK replaces the name, a reader who joins what chunks say has it twice: each is told what it would be told.
    await told(body, 2)
  })

  test('two calls with index 0 are not merged', async () => {
    const body = said(
      tool({ id: 'a' }, 'pay', '{"eur":1}'),
      tool({ id: 'b' }, 'refund', '{"eur":2}'),
      stop('tool_calls'),
    )
    await told(body, 2)
  })

  test('calls without an index are not taken apart', async () => {
    await told(
      said(
        tool({ index: undefined }, 'pay', '{"eur":'),
        tool({ index: undefined }, 'pay', '1}'),
        stop('tool_calls'),
      ),
      2,
    )
  })

  test('a number that JSON cannot be made of again', async () => {
    for (const number of ['1e999', '-1e999', '-0', '-0.0', '-1e-400', '9'.repeat(400)]) {
      const odd = sse(delta({ content: 'x', score: 1 })).replace('"score":1', `"score":${number}`)
      const wire = wireOf(streamOf(sse(role), odd, sse(stop(), usageChunk, DONE)))
      const { client } = clientsOf(wire)
      for (let round = 0; round < 2; round += 1) {
        const final = await client.chat.completions.stream(ASK).finalChatCompletion()
        expect(final.choices[0]?.message).toHaveProperty('score', JSON.parse(number))
        await client.gateway.flush()
      }
      expect(wire.calls()).toBe(2)
    }
  })

  test('a trailing annotation with an empty id says nothing of id, model and time', async () => {
    const trailing = {
      id: '',
      object: '',
      created: 0,
      model: '',
      choices: [
        { index: 0, finish_reason: null, logprobs: null, content_filter_offsets: { check_offset: 1 } },
      ],
    }
    const wire = wireOf(streamOf(sse(role, say('x'), stop(), usageChunk, trailing, DONE)))
    const { client, bare } = clientsOf(wire)
    const expected = await bySdk(bare)
    for (let round = 0; round < 2; round += 1) {
      expect(await bySdk(client)).toEqual(expected)
      await client.gateway.flush()
    }
    const { id, model, created } = await client.chat.completions.create(ASK)
    expect({ id, model, created }).toEqual({ id: 'chatcmpl-1', model: 'gpt-4o-mini', created: 1 })
    expect(wire.calls()).toBe(2)
  })

  test('a chunk without choices', async () => {
    await told(streamOf(sse(role, say('x'), { id: 'chatcmpl-1', object: 'x' }, stop(), usageChunk, DONE)), 2)
    await told(
      streamOf(sse(role, say('x'), { id: 'chatcmpl-1', choices: null }, stop(), usageChunk, DONE)),
      2,
    )
  })

  test('an empty finish_reason, and none, finish nothing', async () => {
    await told(said(say('x'), stop(''), say('y'), delta({}, { finish_reason: null }), stop()), 1)
    await told(said(say('x'), stop(), stop(''), delta({}, { finish_reason: null })), 1)
    await told(said(say('x'), stop('')), 2)
    await told(said(say('x'), delta({}, { finish_reason: { toString: 1 } })), 2)
  })
})

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

describe('a hit is the bytes that came', () => {
  const answer = JSON.stringify({
    id: 'x',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: 'fin@é' }, finish_reason: 'stop' }],
    usage,
  })
  test.each([
    ['UTF-8', Buffer.from(answer), 'application/json', true],
    ['UTF-8 that says so', Buffer.from(answer), 'application/json; charset=utf-8', true],
    [
      'a byte that is no UTF-8',
      Buffer.from(answer.replace('é', '\xff'), 'latin1'),
      'application/json',
      false,
    ],
    ['Latin-1', Buffer.from(answer, 'latin1'), 'application/json; charset=iso-8859-1', false],
    ['a byte order mark', Buffer.from(`\ufeff${answer}`), 'application/json', false],
  ])('%s', async (_, bytes, type, stored) => {
    const wire = wireOf(() => ({ pieces: [bytes.subarray(0, 40), bytes.subarray(40)], type }))
    const { client, records } = clientsOf(wire)
    for (let round = 0; round < 2; round += 1) {
      const response = await client.chat.completions.create(ASK).asResponse()
      expect(response.headers.get('content-type')).toBe(type)
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true)
      await client.gateway.flush()
    }
    expect(wire.calls()).toBe(stored ? 1 : 2)
    expect(records[0]?.usage).toMatchObject({ input: 1, output: 1 })
    const streamed = await client.chat.completions.create({ ...ASK, stream: true }).asResponse()
    if (stored) expect(streamed.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  })
})

test.each([
  '"usage":{',
  '"usage" : {',
  '"usage":  {',
  '"\\u0075sage":{',
  '"us\\u0061ge" : {',
  '"provider":"p","usage":{',
])(
  'usage that the caller did not ask for is hidden, and counted, however it is written: %s',
  async (name) => {
    const tells = `data: {"id":"c","choices":[],${name}"prompt_tokens":5,"completion_tokens":3,"total_tokens":8}}\n\n`
    const body = streamOf(sse(role, say('x'), stop()), tells, DONE)
    const { client, records } = clientsOf(wireOf(body), { policy: { streamUsage: 'always' } })
    const choices: number[] = []
    for await (const chunk of await client.chat.completions.create({ ...ASK, stream: true }))
      choices.push(chunk.choices.length)
    expect(choices).toEqual([1, 1, 1])
    await client.gateway.flush()
    expect(records[0]?.usage).toMatchObject({ input: 5, output: 3 })
  },
)
