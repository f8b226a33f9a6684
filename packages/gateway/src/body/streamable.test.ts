import fc from 'fast-check'
import OpenAI from 'openai'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import type { JsonObject } from '../core/json.ts'
import { formats } from './formats.ts'
import { ensureStreamableChat, ensureStreamableResponse } from './streamable.ts'

const { chat, responses } = formats
if (chat === undefined || responses === undefined) throw new Error('both are streamed')

const sdk = (frames: string[]) =>
  new OpenAI({
    apiKey: 'k',
    fetch: async () => new Response(frames.join(''), { headers: { 'content-type': 'text/event-stream' } }),
  })

/** Returns what the SDK's own accumulator builds from a stream. */
const chatBySdk = async (frames: string[]) =>
  plain(await sdk(frames).chat.completions.stream({ model: 'm', messages: [] }).finalChatCompletion())
const responseBySdk = async (frames: string[]) =>
  plain(await sdk(frames).responses.stream({ model: 'm', input: 'x' }).finalResponse())

/** Removes members that the SDK adds, empty members, and the indices of calls. */
const plain = (value: unknown): JsonObject =>
  JSON.parse(JSON.stringify(value), (key, member: unknown) =>
    key === 'parsed' || key === 'parsed_arguments' || key === 'output_text' || member === null
      ? undefined
      : member,
  )

type Calls = { choices: { message: { tool_calls?: JsonObject[]; content?: string; refusal?: string } }[] }
const said = (answer: unknown) =>
  (plain(answer) as unknown as Calls).choices.map(({ message: { tool_calls = [], content, refusal } }) => ({
    calls: tool_calls.map(({ index: _, ...call }) => call),
    content: content ?? '',
    refusal: refusal ?? '',
  }))

const odd = fc.oneof(fc.constantFrom<unknown>(null, 0, 1, -1, 7, '0', '', 'x', 1.5, [], {}, [0], { a: 'b' }))
const extra = fc.dictionary(
  fc
    .constantFrom('index', 'id', 'type', 'name', 'arguments', 'input', 'function', 'custom', 'role', 'delta')
    .chain((name) =>
      fc.constantFrom(
        name,
        'content',
        'refusal',
        'tool_calls',
        'function_call',
        'vendor',
        '__proto__',
        'error',
        'logprobs',
        'annotations',
        'message',
        'finish_reason',
        'choices',
      ),
    ),
  odd,
  { maxKeys: 1 },
)
/** Generates `undefined` mostly: an answer with only unusual members would test little. */
const members = fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: extra })
const withMembers = <T extends object>(of: fc.Arbitrary<T>) =>
  fc.tuple(of, members).map(([object, more]) => ({ ...object, ...more }) as T & JsonObject)

const id = fc.uuid()
const text = fc.constantFrom('{}', '{"order":1}', '{"order":2}', '', 'é🙂')
const functionCall = fc.record({
  id,
  type: fc.constant('function'),
  function: withMembers(fc.record({ name: fc.constantFrom('refund', 'cancel'), arguments: text })),
})
const customCall = fc.record({
  id,
  type: fc.constant('custom'),
  custom: withMembers(fc.record({ name: fc.constantFrom('refund', 'cancel'), input: text })),
})
const call = fc.oneof(functionCall, customCall)
const message = (calls: fc.Arbitrary<unknown>) =>
  fc.record({
    role: fc.constant('assistant'),
    content: fc.constantFrom(null, 'Yes.'),
    refusal: fc.constant(null),
    tool_calls: fc.array(calls, { minLength: 1, maxLength: 4 }),
  })
const ids = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ id: 'chatcmpl-1' }) },
  { weight: 1, arbitrary: fc.constantFrom({}, { id: '' }, { id: null }) },
)
const completion = (
  choice: fc.Arbitrary<object>,
  named: fc.Arbitrary<object> = fc.constant({ id: 'chatcmpl-1' }),
) =>
  fc.tuple(fc.array(choice, { minLength: 1, maxLength: 3 }), named).map(([choices, named]) => ({
    ...named,
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: choices.map((choice, index) => ({ index, ...choice })),
    usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
  }))
const ends = { finish_reason: 'tool_calls', logprobs: null }

const anything = withMembers(
  completion(
    withMembers(withMembers(message(withMembers(call))).map((message) => ({ message, ...ends }))),
    ids,
  ),
)

test('a whole answer of any content: the SDK reads the same calls and usage from its stream, or there is no stream', async () => {
  await fc.assert(
    fc.asyncProperty(anything, async (answer) => {
      let frames: string[]
      try {
        frames = chat.emit(JSON.parse(JSON.stringify(answer)), true)
      } catch {
        return
      }
      const read = await chatBySdk(frames)
      expect(said(read)).toEqual(said(answer))
      expect(read.usage).toEqual(answer.usage)
    }),
    { numRuns: runs(600) },
  )
})

/** Calls with any index, or none: their position counts. */
const indexed = completion(
  message(
    fc.tuple(call, odd, fc.boolean()).map(([call, index, has]) => {
      const called =
        call.type === 'function' && 'function' in call ? { name: 'f', arguments: '{"a":1}' } : undefined
      return {
        id: call.id,
        ...(called
          ? { type: 'function', function: called }
          : { type: 'custom', custom: { name: 'c', input: 'x' } }),
        ...(has ? { index } : {}),
      }
    }),
  ).map((message) => ({ message, ...ends })),
)

test('calls that say they have another index are streamed in the order in which they stand', async () => {
  await fc.assert(
    fc.asyncProperty(indexed, async (answer) => {
      const frames = chat.emit(JSON.parse(JSON.stringify(answer)), true)
      expect(said(await chatBySdk(frames))).toEqual(said(answer))
    }),
    { numRuns: runs(150) },
  )
})

test('a choice that has the index of another one is not streamed', () => {
  const choice = { message: { role: 'assistant', content: 'x' }, finish_reason: 'stop' }
  const answer = (...indices: (number | null)[]) => ({
    choices: indices.map((index) => ({ index, ...choice })),
  })
  expect(() => chat.emit(answer(0, 1), true)).not.toThrow()
  expect(() => chat.emit(answer(null, null), true)).not.toThrow()
  expect(() => chat.emit(answer(1, 0), true)).toThrow()
  expect(() => chat.emit(answer(0, 0), true)).toThrow()
})

const item = withMembers(
  fc.oneof(
    fc.record({
      type: fc.constant('function_call'),
      id,
      call_id: id,
      name: fc.constant('f'),
      status: fc.constant('completed'),
      arguments: text,
    }),
    fc.record({
      type: fc.constant('custom_tool_call'),
      id,
      call_id: id,
      name: fc.constant('f'),
      input: text,
    }),
    fc.record({
      type: fc.constant('message'),
      id,
      role: fc.constant('assistant'),
      status: fc.constant('completed'),
      content: fc.array(
        withMembers(fc.record({ type: fc.constant('output_text'), text, annotations: fc.constant([]) })),
        { maxLength: 2 },
      ),
    }),
  ),
)
const response = withMembers(
  fc.array(item, { maxLength: 3 }).map((output) => ({
    id: 'resp_1',
    object: 'response',
    status: 'completed',
    model: 'm',
    output,
    error: null,
    metadata: {},
  })),
)

test('a whole response of any content: the SDK reads the same items from its stream, or there is no stream', async () => {
  await fc.assert(
    fc.asyncProperty(response, async (answer) => {
      let frames: string[]
      try {
        frames = responses.emit(JSON.parse(JSON.stringify(answer)), true)
      } catch {
        return
      }
      expect((await responseBySdk(frames)).output).toEqual(plain(answer).output)
    }),
    { numRuns: runs(600) },
  )
})

test('answers that a stream cannot hold are found by each of the rules alone', () => {
  const call = { id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }
  const chat = (message: object, count = 1) => ({
    choices: Array.from({ length: count }, (_, index) => ({ index, finish_reason: 'stop', message })),
  })
  const called = (name: string) => ({ function_call: { name, arguments: '{}' } })
  const response = (...ids: string[]) => ({
    id: 'r',
    status: 'completed',
    output: ids.map((id) => ({ id, type: 'message', content: [] })),
  })
  const asked = (id: string) => ({ id, type: 'function_call', call_id: 'one', arguments: '{}' })
  const cases: [check: (json: never) => void, json: object, streams: boolean][] = [
    [ensureStreamableChat, chat(called('f')), true],
    [ensureStreamableChat, chat(called('')), false],
    [ensureStreamableChat, chat({ ...called('f'), tool_calls: [call] }), false],
    [ensureStreamableChat, chat({ content: 'x' }, 128), true],
    [ensureStreamableChat, chat({ content: 'x' }, 129), false],
    [ensureStreamableChat, chat({ tool_calls: Array.from({ length: 129 }, () => call) }), false],
    [ensureStreamableChat, { choices: [] }, false],
    [ensureStreamableResponse, response('a', 'b'), true],
    [ensureStreamableResponse, response('a', 'a'), false],
    [ensureStreamableResponse, { ...response(), output: [asked('a'), asked('b')] }, false],
  ]
  for (const [check, json, streams] of cases)
    if (streams) expect(() => check(json as never)).not.toThrow()
    else expect(() => check(json as never), JSON.stringify(json).slice(0, 80)).toThrow()
})
