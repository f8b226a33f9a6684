import fc from 'fast-check'
import type OpenAI from 'openai'
import { expect, test } from 'vitest'
import { foldOf } from '../conformance/fold.ts'
import { outcomeOf } from '../conformance/outcome.ts'
import { cut } from '../hostile/cut.ts'
import { DONE, sse } from '../hostile/wire.ts'
import { randomOf } from '../random.ts'
import { runs, SEED } from '../runs.ts'
import { type Reading, stageOf } from './stage.ts'

const stage = stageOf()
const user = (content: string) => [{ role: 'user' as const, content }]
const usage = { stream_options: { include_usage: true } }

/** Empty, these say nothing, and so are none. */
const SAY_NOTHING = new Set(['finish_reason', 'role', 'name'])
const unfinished = (chunk: unknown): unknown =>
  JSON.parse(JSON.stringify(chunk), (key, value: unknown) =>
    SAY_NOTHING.has(key) && value === '' ? null : value,
  )

/** What a reader makes of single chunks. */
const chunks: Reading = (client, question) =>
  outcomeOf(async () => {
    const all: unknown[] = []
    const asked = { model: 'm', messages: user(question), stream: true as const, ...usage }
    for await (const each of await client.chat.completions.create(asked)) all.push(unfinished(each))
    return foldOf(all)
  })

/** What the SDK's accumulator makes of them; ids that it made up, each time another, are left out. */
const accumulated: Reading = (client, question) =>
  outcomeOf(async () => {
    const asked = { model: 'm', messages: user(question), ...usage }
    const final = await client.chat.completions.stream(asked).finalChatCompletion()
    return JSON.parse(JSON.stringify(final).replaceAll(/"call_[0-9a-f-]{36}"/g, '"made up"'))
  })

const whole = (client: OpenAI, question: string) =>
  outcomeOf(async () => await client.chat.completions.create({ model: 'm', messages: user(question) }))

/** One of many, most often the first. */
const mostly = <T>(usual: fc.Arbitrary<T>, ...odd: fc.Arbitrary<T>[]): fc.Arbitrary<T> =>
  fc.oneof(
    { weight: 12 * odd.length, arbitrary: usual },
    ...odd.map((arbitrary) => ({ weight: 1, arbitrary })),
  )
const is = (...values: unknown[]): fc.Arbitrary<unknown> => fc.constantFrom(...values)

const index = mostly(is(0), is(1), is(-1, 1.5, 200, null, '0', undefined, {}))
const words = mostly(is('a', 'é🙂', ' ', 'ha'), is('', null), is(7, {}, ['x'], { toString: 1 }))
const finish = mostly(is(null), is('stop', 'tool_calls', ''), is('length', {}, undefined))
const vendor = is(null, 1, { a: 1 }, { a: 2 }, [1], [], { __proto__: null })

const called = fc.record(
  {
    name: mostly(is(undefined, 'f'), is('f', 'g', ''), is(1, {})),
    arguments: mostly(is('{"a":', '1}', '{}', ''), is(undefined, null), is({ a: 1 })),
  },
  { requiredKeys: [] },
)
const tool = fc.record(
  {
    index,
    id: mostly(is('t1'), is(undefined, '', null), is('t2')),
    type: mostly(is('function'), is(undefined, null), is('custom', 'odd')),
    function: mostly<unknown>(called, is(null, undefined)),
    custom: fc.record({ name: is('c'), input: is('x', 'y', null) }),
    extra: vendor,
  },
  { requiredKeys: ['index', 'function'] },
)
const prob = fc.record(
  {
    content: mostly(is([{ token: 'a', logprob: -1, bytes: null, top_logprobs: [] }]), is(null, [])),
    refusal: is(null),
  },
  { requiredKeys: ['content'] },
)

const delta = fc.record(
  {
    role: mostly(is('assistant'), is('', null), is('user')),
    content: words,
    refusal: mostly(is(null), is('no', '')),
    tool_calls: mostly<unknown>(fc.array(tool, { maxLength: 2 }), is(null)),
    function_call: mostly<unknown>(is(null), called),
    vendor,
    reasoning_content: mostly(is('th', 'ink', 'ha'), is('', null)),
    annotations: mostly(is([], [{ type: 'url_citation' }]), is(null, 1, 'x', {})),
  },
  { requiredKeys: [] },
)
const choice = fc.record(
  {
    index: mostly(is(0), index),
    delta: mostly<unknown>(delta, is({}, null, undefined, 'x')),
    finish_reason: finish,
    logprobs: mostly<unknown>(is(null), prob),
    filter: is(null, { a: 1 }),
  },
  { requiredKeys: ['index', 'delta', 'finish_reason'] },
)
const envelope = fc.record(
  {
    id: mostly(is('c1'), is('', undefined, null), is('c2', 7)),
    created: is(1),
    model: mostly(is('m'), is('')),
    object: is('chat.completion.chunk'),
    service_tier: mostly(is('default'), is(null, 'flex')),
    usage: mostly(is(null), is({ total_tokens: 3 }), is(5, undefined)),
    more: vendor,
  },
  { requiredKeys: ['id', 'created', 'model', 'object'] },
)
const odd = fc.oneof(
  is({ id: 'c1' }, 5, null, [], 'x', { error: '' }, { error: null, choices: [] }, { choices: null }),
  is({ error: 'no' }, { choices: [], error: { message: 'x' } }),
)
const plain = fc
  .tuple(envelope, fc.array(choice, { maxLength: 2 }))
  .map(([around, choices]) => ({ ...around, choices }))
const begins = {
  id: 'c1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }],
}
const ends = (reason: string) => ({ ...begins, choices: [{ index: 0, delta: {}, finish_reason: reason }] })
const tells = { ...begins, choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } }

/** Mostly a stream as it should be, with some oddity in it. */
const stream = fc
  .tuple(
    fc.array(mostly<unknown>(plain, odd), { maxLength: 5 }),
    is('stop', 'tool_calls'),
    fc.boolean(),
    fc.array(plain, { maxLength: 1 }),
  )
  .map(([middle, reason, usage, late]) => [
    begins,
    ...middle,
    ends(String(reason)),
    ...late,
    ...(usage ? [tells] : []),
  ])

/** In a stream with nothing odd in it, to see that such a one is stored. */
const wellMade = fc
  .array(
    fc.oneof(
      is('a', 'é🙂', ' ', 'ha').map((content) => ({ content })),
      is('x').map((refusal) => ({ refusal })),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((deltas) => [
    begins,
    ...deltas.map((delta) => ({ ...begins, choices: [{ index: 0, delta, finish_reason: null }] })),
    ends('stop'),
    tells,
  ])

/** In a stream of which one member alone is odd: said again, in pieces, taken back, or of another kind. */
const memberwise = fc
  .tuple(
    is('reasoning_content', 'vendor', 'annotations', 'role', 'name'),
    fc.array(
      mostly(is('th', 'ink', 'th'), is('', null, undefined, 1, 0, [1], [], { a: 'b' }, 'user', 'assistant')),
      { minLength: 1, maxLength: 4 },
    ),
  )
  .map(([name, values]) => {
    const calls = name === 'name'
    const deltas = values.map((value, at) =>
      calls
        ? {
            tool_calls: [
              {
                index: 0,
                id: 't',
                type: 'function',
                function: { name: value, arguments: at === 0 ? '{}' : '' },
              },
            ],
          }
        : { content: 'a', [String(name)]: value },
    )
    return [
      begins,
      ...deltas.map((delta) => ({ ...begins, choices: [{ index: 0, delta, finish_reason: null }] })),
      ends(calls ? 'tool_calls' : 'stop'),
      tells,
    ]
  })

type Whole = { value?: { choices: { message: Record<string, unknown>; finish_reason: string }[] } }

/** What both shapes have in common. */
const gist = (outcome: unknown) =>
  (outcome as Whole).value?.choices.map(
    ({
      finish_reason,
      message: { role, content, refusal, tool_calls, function_call, reasoning_content },
    }) => ({
      role,
      reasoning_content,
      finish_reason,
      content,
      refusal,
      tool_calls,
      function_call,
    }),
  )

async function holds(list: unknown[], seed: number): Promise<boolean> {
  const bytes = new TextEncoder().encode(
    sse(...list.map((each) => `data: ${JSON.stringify(each)}\n\n`), DONE),
  )
  const answer = { pieces: cut(bytes, 60, randomOf(seed)), type: 'text/event-stream' }
  let stored = true
  for (const read of [chunks, accumulated]) {
    const expected = await stage.expected(answer, read)
    const { miss, hit, calls } = await stage.twice(answer, read)
    expect(miss).toEqual(expected)
    expect(hit).toEqual(expected)
    expect(await stage.joined(answer, read, answer.pieces.length >> 1)).toMatchObject({
      leader: expected,
      follower: expected,
    })
    stored &&= calls === 1
    // Where the SDK breaks, nothing may be stored.
    if (read === accumulated && 'error' in (expected as object)) expect(calls).toBe(2)
    if (read !== accumulated || calls !== 1) continue
    const { follower } = await stage.joined(answer, read, answer.pieces.length - 1, whole)
    expect(gist(follower)).toEqual(gist(expected))
  }
  return stored
}

test('whatever the chunks, all readers are told what the bare client is told, and the next is, too', async () => {
  await fc.assert(
    fc.asyncProperty(stream, fc.nat(), async (list, seed) => {
      await holds(list, seed)
    }),
    { numRuns: runs(80), seed: SEED },
  )
})

test('a member that is said again, in pieces or of another kind is told as the bare client is told it, each time', async () => {
  await fc.assert(
    fc.asyncProperty(memberwise, fc.nat(), async (list, seed) => {
      await holds(list, seed)
    }),
    { numRuns: runs(60), seed: SEED },
  )
})

test('a stream with nothing odd in it is stored', async () => {
  await fc.assert(
    fc.asyncProperty(wellMade, fc.nat(), async (list, seed) => {
      expect(await holds(list, seed)).toBe(
        list.some((each) =>
          /a|é|x/.test(
            JSON.stringify((each as typeof begins).choices[0]?.delta ?? {}).replace('assistant', ''),
          ),
        ),
      )
    }),
    { numRuns: runs(15), seed: SEED },
  )
})
