import type OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { foldOf } from '../conformance/fold.ts'
import { completion } from '../conformance/frames.ts'
import { outcomeOf } from '../conformance/outcome.ts'
import { eventsOf, textsOf } from '../conformance/streams.ts'
import { cut } from '../hostile/cut.ts'
import { planOf } from '../hostile/plan.ts'
import { rewriterOf } from '../hostile/rewrite.ts'
import { DONE, sse } from '../hostile/wire.ts'
import { randomOf } from '../random.ts'
import { runs, SEED } from '../runs.ts'
import { call, chunk, delta, role, say, stop, usageChunk } from './chunk.ts'
import { type Reading, stageOf } from './stage.ts'

const stage = stageOf()
const user = (content: string) => [{ role: 'user' as const, content }]

const chunks: Reading = (client, question) =>
  outcomeOf(async () => {
    const all: unknown[] = []
    const asked = {
      model: 'm',
      messages: user(question),
      stream: true as const,
      stream_options: { include_usage: true },
    }
    for await (const each of await client.chat.completions.create(asked)) all.push(structuredClone(each))
    return foldOf(all)
  })

const accumulated: Reading = (client, question) =>
  outcomeOf(async () =>
    JSON.parse(
      JSON.stringify(
        await client.chat.completions
          .stream({ model: 'm', messages: user(question), stream_options: { include_usage: true } })
          .finalChatCompletion(),
      ),
    ),
  )

const events: Reading = (client, question) =>
  outcomeOf(async () => {
    const all: OpenAI.Responses.ResponseStreamEvent[] = []
    for await (const each of await client.responses.create({ model: 'm', input: question, stream: true }))
      all.push(structuredClone(each))
    return eventsOf(all)
  })

const response: Reading = (client, question) =>
  outcomeOf(async () =>
    JSON.parse(
      JSON.stringify(await client.responses.stream({ model: 'm', input: question }).finalResponse()),
    ),
  )

const texts: Reading = (client, question) =>
  outcomeOf(async () => {
    const all: OpenAI.Completion[] = []
    const asked = {
      model: 'm',
      prompt: question,
      stream: true as const,
      stream_options: { include_usage: true },
    }
    for await (const each of await client.completions.create(asked)) all.push(structuredClone(each))
    return textsOf(all)
  })

const whole: Reading = (client, question) =>
  outcomeOf(async () => await client.chat.completions.create({ model: 'm', messages: user(question) }))

const text = (text: string, index = 0, finish_reason: string | null = null) => ({
  id: 'cmpl-1',
  object: 'text_completion',
  created: 1,
  model: 'm',
  choices: [{ text, index, logprobs: null, finish_reason }],
})

const part = (text: string) => ({ type: 'output_text', text, annotations: [], logprobs: [] })
const item = (text: string, status = 'completed') => ({
  type: 'message',
  id: 'msg_1',
  role: 'assistant',
  status,
  content: text === '' ? [] : [part(text)],
})
const answered = (output: object[], status: string) => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1,
  model: 'm',
  status,
  error: null,
  metadata: {},
  output,
  usage: null,
})
const at = { item_id: 'msg_1', output_index: 0, content_index: 0 }
const told = [
  { type: 'response.created', response: answered([], 'in_progress') },
  { type: 'response.in_progress', response: answered([], 'in_progress') },
  { type: 'response.output_item.added', output_index: 0, item: item('', 'in_progress') },
  { type: 'response.content_part.added', ...at, part: part('') },
  { type: 'response.output_text.delta', ...at, delta: 'Ünï漢', logprobs: [] },
  { type: 'response.output_text.delta', ...at, delta: '🙂!', logprobs: [] },
  { type: 'response.output_text.done', ...at, text: 'Ünï漢🙂!', logprobs: [] },
  { type: 'response.content_part.done', ...at, part: part('Ünï漢🙂!') },
  { type: 'response.output_item.done', output_index: 0, item: item('Ünï漢🙂!') },
  {
    type: 'response.completed',
    response: {
      ...answered([item('Ünï漢🙂!')], 'completed'),
      usage: { input_tokens: 1, output_tokens: 3, total_tokens: 4 },
    },
  },
].map((event, sequence_number) => ({ ...event, sequence_number }))

const EVENT_STREAM = 'text/event-stream'
type Case = { text: string; type: string; readings: Reading[] }

const CASES: Record<string, Case> = {
  'chat, a text': {
    text: sse(role, say('Trans'), say('fer 1é漢🙂 eu'), say('ros.'), stop(), usageChunk, DONE),
    type: EVENT_STREAM,
    readings: [chunks, accumulated],
  },
  'chat, tool calls of two choices': {
    text: sse(
      role,
      chunk([{ index: 1, delta: { role: 'assistant', content: null }, finish_reason: null }]),
      call({ index: 0, id: 'a', type: 'function', function: { name: 'pay', arguments: '' } }),
      call({ index: 0, function: { arguments: '{"eur":' } }),
      chunk([{ index: 1, delta: { content: 'oder' }, finish_reason: null }]),
      call({ index: 0, function: { arguments: '100}' } }),
      call({ index: 1, id: 'b', type: 'function', function: { name: 'tell', arguments: '{}' } }),
      stop('tool_calls'),
      delta({}, { index: 1, finish_reason: 'stop' }),
      usageChunk,
      DONE,
    ),
    type: EVENT_STREAM,
    readings: [chunks, accumulated],
  },
  responses: {
    text: told.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''),
    type: EVENT_STREAM,
    readings: [events, response],
  },
  completions: {
    text: sse(
      text('On'),
      text('ce 漢'),
      text('', 0, 'stop'),
      { ...text(''), choices: [], usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } },
      DONE,
    ),
    type: EVENT_STREAM,
    readings: [texts],
  },
  'chat, whole': { text: completion.replace('hello', 'hé漢🙂'), type: 'application/json', readings: [whole] },
}

const bytesOf = (text: string) => new TextEncoder().encode(text)

async function same(pieces: readonly Uint8Array[], type: string, readings: Reading[], holds: number[]) {
  for (const read of readings) {
    const answer = { pieces, type }
    const expected = await stage.expected(answer, read)
    expect(expected).toHaveProperty('value')
    expect(await stage.twice(answer, read)).toEqual({ miss: expected, hit: expected, calls: 1 })
    for (const piece of new Set(holds))
      expect(await stage.joined(answer, read, piece)).toEqual({
        leader: expected,
        follower: expected,
        calls: 1,
      })
  }
}

describe.each(Object.entries(CASES))('%s', (_, { text, type, readings }) => {
  const bytes = bytesOf(text)

  test('cut at every byte: told once to the first, the next, a follower and a late reader', async () => {
    // Every byte where `FUZZ_RUNS` is large; otherwise those that the seed says, some 100 of them in CI.
    const step = Math.max(1, Math.floor(bytes.length / runs(100)))
    for (let at = 1 + (SEED % step); at < bytes.length; at += step)
      await same([bytes.slice(0, at), bytes.slice(at)], type, readings, [1])
  })

  test('in pieces of every length, from a byte on', async () => {
    for (const length of [1, 2, 3, 5, 8, 13, 40, 100, 1_000, bytes.length]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / length) }, (_, at) =>
        bytes.slice(at * length, (at + 1) * length),
      )
      await same(pieces, type, readings, [0, pieces.length >> 1, pieces.length - 1])
    }
  })

  test('over every hostile way', async () => {
    for (let run = 0; run < runs(25); run += 1) {
      const plan = planOf(SEED, `${run}`)
      const rewriter = type === EVENT_STREAM ? rewriterOf(plan) : undefined
      const written = rewriter ? bytesOf(rewriter.push(text) + rewriter.end()) : bytes
      const pieces = cut(written, plan.piece || written.length, randomOf(SEED + run))
      await same(pieces, type, readings, [0, pieces.length >> 1, pieces.length - 1])
    }
  })
})
