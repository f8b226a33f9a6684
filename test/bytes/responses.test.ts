import fc from 'fast-check'
import type OpenAI from 'openai'
import { expect, test } from 'vitest'
import { outcomeOf } from '../conformance/outcome.ts'
import { eventsOf } from '../conformance/streams.ts'
import { cut } from '../hostile/cut.ts'
import { randomOf } from '../random.ts'
import { runs, SEED } from '../runs.ts'
import { type Reading, stageOf } from './stage.ts'

const stage = stageOf()

const events: Reading = (client, question) =>
  outcomeOf(async () => {
    const all: OpenAI.Responses.ResponseStreamEvent[] = []
    for await (const each of await client.responses.create({ model: 'm', input: question, stream: true })) {
      all.push(structuredClone(each))
    }
    return eventsOf(all)
  })

const accumulated: Reading = (client, question) =>
  outcomeOf(async () =>
    JSON.parse(
      JSON.stringify(await client.responses.stream({ model: 'm', input: question }).finalResponse()),
    ),
  )

type Fields = Record<string, unknown>

const words = fc.array(fc.constantFrom('a', 'é🙂', ' ', 'ha', '漢'), { maxLength: 4 })
const sentence = words.map((parts) => ({ parts, text: parts.join('') }))

const part = fc
  .record({ kind: fc.constantFrom('output_text', 'refusal'), said: sentence, isSure: fc.boolean() })
  .map(({ kind, said, isSure }) => {
    const field = kind === 'refusal' ? 'refusal' : 'text'
    const probable = (tokens: string[]) =>
      kind === 'refusal'
        ? {}
        : { logprobs: isSure ? tokens.map((token) => ({ token, logprob: -1, top_logprobs: [] })) : [] }
    const whole = (tokens: string[]) => ({
      type: kind,
      [field]: tokens.join(''),
      ...(kind !== 'refusal' && { annotations: [] }),
      ...probable(tokens),
    })
    const name = kind === 'refusal' ? 'response.refusal' : 'response.output_text'
    const told = (at: Fields): Fields[] => [
      { type: 'response.content_part.added', ...at, part: whole([]) },
      ...said.parts.map((delta) => ({ type: `${name}.delta`, ...at, delta, ...probable([delta]) })),
      { type: `${name}.done`, ...at, [field]: said.text, ...probable(said.parts) },
      { type: 'response.content_part.done', ...at, part: whole(said.parts) },
    ]
    return { whole: whole(said.parts), told }
  })

const message = fc
  .array(part, { minLength: 1, maxLength: 2 })
  .map((parts) => (id: string, output_index: number) => {
    const item = (status: string, content: unknown[]) => ({
      type: 'message',
      id,
      role: 'assistant',
      status,
      content,
    })
    const whole = item(
      'completed',
      parts.map((each) => each.whole),
    )
    const told: Fields[] = [
      { type: 'response.output_item.added', output_index, item: item('in_progress', []) },
      ...parts.flatMap((each, content_index) => each.told({ item_id: id, output_index, content_index })),
      { type: 'response.output_item.done', output_index, item: whole },
    ]
    return { whole, told }
  })

const called = fc
  .constantFrom('{}', '{"eur":100}', '{"a":')
  .map((given) => (id: string, output_index: number) => {
    const item = (status: string, text: string) => ({
      type: 'function_call',
      id,
      call_id: `call_${id}`,
      name: 'pay',
      status,
      arguments: text,
    })
    const at = { item_id: id, output_index }
    const told: Fields[] = [
      { type: 'response.output_item.added', output_index, item: item('in_progress', '') },
      { type: 'response.function_call_arguments.delta', ...at, delta: given.slice(0, 3) },
      ...(given.length > 3
        ? [{ type: 'response.function_call_arguments.delta', ...at, delta: given.slice(3) }]
        : []),
      { type: 'response.function_call_arguments.done', ...at, arguments: given },
      { type: 'response.output_item.done', output_index, item: item('completed', given) },
    ]
    return { whole: item('completed', given), told }
  })

const answer = fc.array(fc.oneof(message, called), { minLength: 1, maxLength: 3 }).map((makers) => {
  const items = makers.map((make, index) => make(`item_${index}`, index))
  const response = (status: string, output: unknown[]) => ({
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
  return [
    { type: 'response.created', response: response('in_progress', []) },
    { type: 'response.in_progress', response: response('in_progress', []) },
    ...items.flatMap(({ told }) => told),
    {
      type: 'response.completed',
      response: {
        ...response(
          'completed',
          items.map(({ whole }) => whole),
        ),
        usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
      },
    },
  ] as Fields[]
})

/** Ways in which a stream is not what it should be. */
const mishap = fc.oneof(
  fc.record({ do: fc.constant('drop'), at: fc.nat() }),
  fc.record({ do: fc.constant('twice'), at: fc.nat() }),
  fc.record({ do: fc.constant('swap'), at: fc.nat() }),
  fc.record({
    do: fc.constant('change'),
    at: fc.nat(),
    field: fc.constantFrom(
      'type',
      'item_id',
      'output_index',
      'content_index',
      'delta',
      'logprobs',
      'text',
      'arguments',
      'item',
      'part',
      'response',
      'error',
      '__proto__',
    ),
    to: fc.constantFrom(
      'x',
      '',
      null,
      0,
      1,
      -1,
      1.5,
      400_000_000,
      [],
      {},
      { toString: 1 },
      { id: 'other', output: [] },
      'keepalive',
      'error',
      'response.odd',
      'response.completed',
    ),
  }),
)

function damaged(
  list: readonly Fields[],
  mishaps: readonly (Fields & { do: string; at: number })[],
): Fields[] {
  const out = list.map((each) => ({ ...each }))
  for (const { do: kind, at, field, to } of mishaps) {
    const place = at % Math.max(1, out.length)
    const here = out[place]
    if (here === undefined) continue
    if (kind === 'drop') out.splice(place, 1)
    else if (kind === 'twice') out.splice(place, 0, { ...here })
    else if (kind === 'swap') out.splice(place, 2, ...out.slice(place, place + 2).toReversed())
    else
      Object.defineProperty(here, String(field), {
        value: to,
        enumerable: true,
        configurable: true,
        writable: true,
      })
  }
  return out
}

/** Reduces single events to their texts, how probable these are, and the end: the API specifies no order of parts. */
function gist(outcome: unknown): unknown {
  const joined = (outcome as { value?: { joined?: Fields[] } }).value?.joined
  if (joined === undefined) return outcome
  const said: Fields = {}
  for (const { type, item_id, content_index, delta, logprobs } of joined) {
    const place = JSON.stringify([type, item_id, content_index])
    if (Array.isArray(logprobs) && logprobs.length > 0)
      said[`${place} logprobs`] = [said[`${place} logprobs`] ?? [], logprobs].flat()
    if (typeof delta === 'string') said[place] = `${String(said[place] ?? '')}${delta}`
  }
  return { said, end: joined.find(({ type }) => type === 'response.completed') }
}

async function holds(list: readonly Fields[], seed: number): Promise<number> {
  const named = seed % 3 > 0
  const text = list
    .map(
      (event, sequence_number) =>
        `${named ? `event: ${typeof event.type === 'string' ? event.type : 'odd'}\n` : ''}data: ${JSON.stringify({ ...event, sequence_number })}\n\n`,
    )
    .join('')
  const sent = { pieces: cut(new TextEncoder().encode(text), 90, randomOf(seed)), type: 'text/event-stream' }
  let calls = 0
  for (const read of [events, accumulated]) {
    const expected = await stage.expected(sent, read)
    const seen = await stage.twice(sent, read)
    expect(seen.miss).toEqual(expected)
    expect(gist(seen.hit)).toEqual(gist(expected))
    if (read === accumulated && 'error' in (expected as object)) expect(seen.calls).toBe(2)
    expect(await stage.joined(sent, read, sent.pieces.length >> 1)).toMatchObject({
      leader: expected,
      follower: expected,
    })
    calls = seen.calls
  }
  return calls
}

test('a stream as it should be is stored, and what it says is given again', async () => {
  await fc.assert(
    fc.asyncProperty(answer, fc.nat(), async (list, seed) => {
      const says = JSON.stringify(list.at(-1))
      const isComplete =
        !says.includes('"{\\"a\\":"') && !/"content":\[(\{[^}]*"(text|refusal)":" *"[^}]*\},?)+\]/.test(says)
      const calls = await holds(list, seed)
      if (isComplete) expect(calls).toBe(1)
    }),
    { numRuns: runs(30), seed: SEED },
  )
})

test('a damaged one is told as it came, and never stored where the SDK breaks', async () => {
  await fc.assert(
    fc.asyncProperty(
      answer,
      fc.array(mishap, { minLength: 1, maxLength: 2 }),
      fc.nat(),
      async (list, mishaps, seed) => {
        await holds(damaged(list, mishaps), seed)
      },
    ),
    { numRuns: runs(80), seed: SEED },
  )
})

test('what comes after the end, which the SDK reads as well, is told each time and never stored', async () => {
  await fc.assert(
    fc.asyncProperty(answer, fc.boolean(), fc.boolean(), fc.nat(), async (list, other, apart, seed) => {
      const end = list.at(-1) as { response: Fields }
      const late = other
        ? { ...end, response: { ...end.response, metadata: { late: 'yes' } } }
        : { type: 'response.in_progress', response: end.response }
      const bytes = (events: Fields[]) =>
        new TextEncoder().encode(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''))
      const pieces = apart ? [bytes(list), bytes([late])] : cut(bytes([...list, late]), 90, randomOf(seed))
      const sent = { pieces, type: 'text/event-stream' }
      const expected = await stage.expected(sent, accumulated)
      expect(await stage.twice(sent, accumulated)).toEqual({ miss: expected, hit: expected, calls: 2 })
    }),
    { numRuns: runs(20), seed: SEED },
  )
})
