import { afterEach, describe, expect, test } from 'vitest'
import { clientsOf, DONE, sse, streamOf, wireOf } from '../hostile/wire.ts'
import { call, chunk, delta, role, say, stop, usageChunk } from './chunk.ts'
import { ASK, expectUnpolluted, told } from './listed-kit.ts'
import { byChunk, bySdk } from './readings.ts'

afterEach(expectUnpolluted)

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
