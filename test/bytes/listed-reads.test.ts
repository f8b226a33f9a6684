import { afterEach, describe, expect, test } from 'vitest'
import { clientsOf, DONE, sse, streamOf, wireOf } from '../hostile/wire.ts'
import { call, role, say, stop, usage, usageChunk } from './chunk.ts'
import { ASK, expectUnpolluted, textOf, told } from './listed-kit.ts'

afterEach(expectUnpolluted)

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
