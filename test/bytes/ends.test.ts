import { afterEach, expect, test } from 'vitest'
import { outcomeOf } from '../conformance/outcome.ts'
import { clientsOf, DONE, jsonOf, sse, streamOf, wireOf } from '../hostile/wire.ts'
import { until } from '../support.ts'
import { delta, role, say, stop, usage, usageChunk } from './chunk.ts'

const ASK = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'x' }] }

const unhandled: unknown[] = []
const note = (reason: unknown) => void unhandled.push(reason)
process.on('unhandledRejection', note)
afterEach(() => {
  expect(unhandled).toEqual([])
})

/** `{"a":{"a":…}}`, deeper than the stack of any function that calls itself for each level. */
const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
const DEEP = nested(20_000)

const ERROR = 'event: error\ndata: {"error":{"message":"The server had an error."}}\n\n'

test.each([
  ['an error event and [DONE]', sse(role, say('Hello'), ERROR, DONE)],
  ['an error chunk and [DONE]', sse(role, say('Hello'), { error: { message: 'no' } }, DONE)],
  [
    'an error that is a text, and more',
    sse(role, say('Hello'), { error: 'no' }, say('a'), say('b'), say('c'), DONE),
  ],
])('%s in one read: what was written is counted, and priced', async (_, text) => {
  for (const body of [streamOf(text), streamOf(...(text.match(/[\s\S]{1,40}/g) ?? []))]) {
    const { bare, client, records } = clientsOf(wireOf(body))
    const read = (of: typeof bare) =>
      outcomeOf(async () => {
        for await (const _ of await of.chat.completions.create({ ...ASK, stream: true }));
      })
    expect(await read(client)).toEqual(await read(bare))
    await client.gateway.flush()
    const [record] = records
    expect(record?.usage?.output).toBeGreaterThan(0)
    expect(record?.usage?.output).toBeLessThan(10)
    expect(record?.costUsd).toBeGreaterThan(0)
  }
})

test('a delta nested 20,000 deep: it is passed on, its record closes, and it is not stored', async () => {
  const chunk = JSON.stringify(delta({ content: 'x', vendor: 'DEEP' })).replace('"DEEP"', DEEP)
  for (const tail of [sse(stop(), usageChunk, DONE), sse(stop(), DONE), '']) {
    const wire = wireOf(streamOf(sse(role), `data: ${chunk}\n\n`, tail))
    const { client, records } = clientsOf(wire)
    for (let round = 1; round <= 2; round += 1) {
      let said = ''
      for await (const each of await client.chat.completions.create({ ...ASK, stream: true }))
        said += each.choices[0]?.delta.content ?? ''
      expect(said).toBe('x')
      await until(() => records.length === round, 'the record closes')
      await client.gateway.flush()
    }
    expect(wire.calls()).toBe(2)
  }
})

test.each([100, 1_000, 3_000, 20_000])(
  'a whole answer nested %i deep: asked for again as a stream, it is answered',
  async (levels) => {
    const vendor = nested(levels)
    const message = { role: 'assistant', content: 'x', vendor: 'DEEP' }
    const answer = {
      id: 'c',
      object: 'chat.completion',
      created: 1,
      model: 'm',
      choices: [{ index: 0, message, logprobs: null, finish_reason: 'stop' }],
      usage,
    }
    const whole = jsonOf(JSON.stringify(answer).replace('"DEEP"', vendor))
    const stream = streamOf(sse(role, say('x'), stop(), usageChunk, DONE))
    let asked = 0
    const wire = wireOf(() => {
      asked += 1
      return asked === 1 ? whole() : stream()
    })
    const { client, records } = clientsOf(wire)
    expect((await client.chat.completions.create(ASK)).choices[0]?.message.content).toBe('x')
    await client.gateway.flush()
    let said = ''
    for await (const each of await client.chat.completions.create({ ...ASK, stream: true }))
      said += each.choices[0]?.delta.content ?? ''
    expect(said).toBe('x')
    await client.gateway.flush()
    expect(wire.calls()).toBe(levels === 100 ? 1 : 2)
    expect(records).toHaveLength(2)
  },
)

test('a follower that wants a whole answer sends its own request where the stream cannot be added up', async () => {
  const odd = streamOf(
    sse(role),
    sse({ ...say('x'), choices: [{ index: 1.5, delta: { content: 'x' } }] }),
    sse(stop(), usageChunk, DONE),
  )
  const message = { role: 'assistant', content: 'whole' }
  const whole = jsonOf(
    JSON.stringify({
      id: 'c',
      object: 'chat.completion',
      created: 1,
      model: 'm',
      choices: [{ index: 0, message, finish_reason: 'stop' }],
      usage,
    }),
  )
  let asked = 0
  const wire = wireOf(() => {
    asked += 1
    return asked === 1 ? odd() : whole()
  })
  const { client } = clientsOf(wire)
  wire.hold(1)
  const chunks: unknown[] = []
  const leading = (async () => {
    for await (const each of await client.chat.completions.create({ ...ASK, stream: true })) chunks.push(each)
  })()
  await until(() => wire.held() > 0, 'the stream has begun')
  const following = client.chat.completions.create(ASK)
  await new Promise((resolve) => setImmediate(resolve))
  wire.release()
  await leading
  expect(chunks).toHaveLength(4)
  expect((await following).choices[0]?.message.content).toBe('whole')
  expect(wire.calls()).toBe(2)
})
