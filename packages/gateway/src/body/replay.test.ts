import fc from 'fast-check'
import OpenAI from 'openai'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import type { JsonObject } from '../core/json.ts'
import { NO_USAGE } from '../core/usage.ts'
import { formats } from './formats.ts'
import { replay, replayableHeaders } from './replay.ts'
import { type SseEvent, sseParser } from './sse.ts'

/** Creates an SDK client that receives this stream in the given pieces. */
function sdk(frames: string[], bytes: number): OpenAI {
  const whole = new TextEncoder().encode(frames.join(''))
  const pieces = Array.from({ length: Math.ceil(whole.length / bytes) }, (_, at) =>
    whole.slice(at * bytes, (at + 1) * bytes),
  )
  const body = () =>
    new ReadableStream({
      pull(controller) {
        const piece = pieces.shift()
        if (piece) controller.enqueue(piece)
        else controller.close()
      },
    })
  return new OpenAI({
    apiKey: 'k',
    fetch: async () => new Response(body(), { headers: { 'content-type': 'text/event-stream' } }),
  })
}

function eventsOf(frames: string[]): SseEvent[] {
  const events: SseEvent[] = []
  const parser = sseParser((event) => events.push(event))
  parser.push(new TextEncoder().encode(frames.join('')))
  parser.end()
  return events
}

const words = fc.string({ unit: 'grapheme', maxLength: 200 })
const toolCall = fc.record({
  id: fc.uuid(),
  type: fc.constant('function'),
  function: fc.record({
    name: fc.constantFrom('a', 'b'),
    arguments: fc.jsonValue().map((value) => JSON.stringify({ value })),
  }),
})
const logprobs = fc.option(
  fc
    .array(
      fc.record({
        token: words,
        logprob: fc.integer(),
        bytes: fc.constant(null),
        top_logprobs: fc.constant([]),
      }),
      { minLength: 1 },
    )
    .map((content) => ({ content, refusal: null })),
)
const message = fc.oneof(
  words.map((content) => ({ role: 'assistant', content, refusal: null, annotations: [] })),
  words
    .filter((text) => text !== '')
    .map((refusal) => ({ role: 'assistant', content: null, refusal, annotations: [] })),
  fc
    .array(toolCall, { minLength: 1, maxLength: 4 })
    .map((tool_calls) => ({ role: 'assistant', content: null, refusal: null, tool_calls, annotations: [] })),
)
const completion = fc
  .record({
    choices: fc.array(
      fc.record({ message, logprobs, finish_reason: fc.constantFrom('stop', 'tool_calls', 'length') }),
      { minLength: 1, maxLength: 3 },
    ),
    created: fc.nat(),
  })
  .map(({ choices, created }) => ({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created,
    model: 'm',
    choices: choices.map((choice, index) => ({ index, ...choice })),
    service_tier: 'default',
    usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
  }))

const chat = formats.chat
const responses = formats.responses
if (chat === undefined || responses === undefined) throw new Error('both are streamed')

test('a whole chat answer, streamed and put together again, is itself; cut anywhere, the SDK makes it, too', async () => {
  await fc.assert(
    fc.asyncProperty(completion, fc.integer({ min: 1, max: 97 }), async (answer, bytes) => {
      const frames = chat.emit(answer as unknown as JsonObject, true)
      expect(chat.assemble(eventsOf(frames))).toEqual(answer)
      const stream = sdk(frames, bytes).chat.completions.stream({ model: 'm', messages: [] })
      const added = await stream.finalChatCompletion().catch((error: Error) => error)
      // The SDK does not return a truncated answer as final.
      if (added instanceof Error)
        return expect(answer.choices.some(({ finish_reason }) => finish_reason === 'length')).toBe(true)
      expect(added.choices.map(({ message }) => message.content)).toEqual(
        answer.choices.map(({ message }) => message.content),
      )
      expect(added.choices.map(({ message }) => message.refusal)).toEqual(
        answer.choices.map(({ message }) => message.refusal),
      )
      expect(added.choices.map(({ finish_reason }) => finish_reason)).toEqual(
        answer.choices.map(({ finish_reason }) => finish_reason),
      )
      expect(added.usage).toEqual(answer.usage)
    }),
    { numRuns: runs(150) },
  )
})

test('a chat stream, put together and streamed again, adds up to the same', () => {
  fc.assert(
    fc.property(completion, (answer) => {
      const first = chat.assemble(eventsOf(chat.emit(answer as unknown as JsonObject, true)))
      const second = first && chat.assemble(eventsOf(chat.emit(first, true)))
      expect(second).toEqual(first)
    }),
    { numRuns: runs(100) },
  )
})

const item = fc.oneof(
  fc
    .array(
      words.map((text) => ({ type: 'output_text', text, annotations: [], logprobs: [] })),
      { minLength: 1, maxLength: 2 },
    )
    .map((content) => ({ type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content })),
  words.map((refusal) => ({
    type: 'message',
    id: 'msg_2',
    role: 'assistant',
    status: 'completed',
    content: [{ type: 'refusal', refusal }],
  })),
  fc.jsonValue().map((value) => ({
    type: 'function_call',
    id: 'fc_1',
    call_id: 'call_1',
    name: 'f',
    status: 'completed',
    arguments: JSON.stringify({ value }),
  })),
  words.map((text) => ({ type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text }] })),
)

test("a whole Responses answer passes through the SDK's checks as a stream, and comes out as it was", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(item, { maxLength: 3, selector: ({ id }) => id }),
      fc.integer({ min: 1, max: 97 }),
      async (output, bytes) => {
        const answer = {
          id: 'resp_1',
          object: 'response',
          status: 'completed',
          model: 'm',
          output,
          usage: { input_tokens: 1, output_tokens: 1 },
          metadata: {},
          error: null,
        }
        const frames = responses.emit(answer as unknown as JsonObject, true)
        expect(responses.assemble(eventsOf(frames))).toEqual(answer)
        const { output: made } = await sdk(frames, bytes)
          .responses.stream({ model: 'm', input: 'x' })
          .finalResponse()
        expect(
          JSON.parse(JSON.stringify(made), (key, value) =>
            key === 'parsed' || key === 'parsed_arguments' ? undefined : value,
          ),
        ).toEqual(output)
      },
    ),
    { numRuns: runs(150) },
  )
})

test('garbage never throws, and is no answer', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ data: fc.oneof(fc.string(), fc.json()) })), (events) => {
      for (const format of [chat, responses, formats.completions]) {
        format?.assemble(events)
        format?.produced(events, () => undefined)
        format?.finished(events)
        for (const event of events) format?.isUsageOnly(event)
      }
      expect(chat.assemble(events)).toBeUndefined()
    }),
    { numRuns: runs(100) },
  )
})

test.each([
  [true, true],
  [true, false],
  [false, true],
  [false, false],
] as const)(
  'made for a reader of streams: %s, it is given to another in the shape that this one asked for: %s',
  async (made, asked) => {
    const text = JSON.stringify({
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model: 'm',
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Yes.' } }],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    })
    const stored = { text, usage: NO_USAGE, model: 'm', headers: [] }
    const viewOf = (stream: boolean) => ({
      stream,
      includeUsage: false,
      signal: new AbortController().signal,
    })
    const recording = replay(stored, 'chat', 'http://upstream/v1/chat/completions', viewOf(made))
    expect(await recording.convertible?.()).toBe(true)
    const response = await recording.open(viewOf(asked), () => undefined)
    expect(response.headers.get('content-type')).toMatch(asked ? /^text\/event-stream/ : /^application\/json/)
    const body = await response.text()
    if (asked) expect(body).toMatch(/^data: [\s\S]*Yes\.[\s\S]*data: \[DONE\]\n\n$/)
    else expect(body).toBe(text)
  },
)

test('a replay has the content type that upstream gave to JSON, and as a stream that of events', () => {
  const types = fc.constantFrom(
    'application/json',
    'application/json; charset=utf-8',
    'application/problem+json',
    'text/plain',
    '',
  )
  return fc.assert(
    fc.asyncProperty(types, fc.boolean(), async (type, stream) => {
      const headers = replayableHeaders(new Headers({ 'content-type': type, 'x-request-id': 'req_1' }))
      const text = JSON.stringify({
        id: 'c',
        choices: [{ index: 0, message: { role: 'assistant', content: 'x' }, finish_reason: 'stop' }],
      })
      const view = { stream, includeUsage: false, signal: new AbortController().signal }
      const recording = replay({ text, usage: NO_USAGE, model: 'm', headers }, 'chat', 'http://u/', view)
      const response = await recording.open(view, () => undefined)
      const ofJson = type.includes('json') ? type : 'application/json'
      expect(response.headers.get('content-type')).toBe(stream ? 'text/event-stream; charset=utf-8' : ofJson)
      expect(response.headers.get('x-gateway-origin-request-id')).toBe('req_1')
    }),
    { numRuns: runs(100) },
  )
})
