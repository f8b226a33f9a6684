import type OpenAI from 'openai'
import { expect, test } from 'vitest'
import { clientsOf, DONE, sse, streamOf, wireOf } from '../hostile/wire.ts'
import { until } from '../support.ts'
import { role, say, stop, usageChunk } from './chunk.ts'

const ASK = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'x' }] }
const STREAM = { ...ASK, stream: true as const }
const MIB = 1024 * 1024

/** Returns a stream of `chunks` chunks, each of `chars` characters. */
const long = (chunks: number, chars: number) =>
  streamOf(
    ...[role, ...Array.from({ length: chunks }, () => say('x'.repeat(chars))), stop(), usageChunk, DONE].map(
      (each) => sse(each),
    ),
  )

type Chunks = AsyncIterable<OpenAI.Chat.ChatCompletionChunk>

async function lengthOf(chunks: Chunks): Promise<number> {
  let said = 0
  for await (const chunk of chunks) said += chunk.choices[0]?.delta.content?.length ?? 0
  return said
}

test('a reader who begins when another one has had all of 24 MiB has all of it, too', async () => {
  const wire = wireOf(long(24, MIB))
  const { client } = clientsOf(wire)
  const [first, second] = await Promise.all([
    client.chat.completions.create(STREAM),
    client.chat.completions.create(STREAM),
  ])
  expect(await lengthOf(second)).toBe(24 * MIB)
  expect(await lengthOf(first)).toBe(24 * MIB)
  expect(wire.calls()).toBe(1)
})

test('a reader who begins late has all of what came byte by byte', async () => {
  const bytes = new TextEncoder().encode(sse(role, say('x'.repeat(100_000)), stop(), DONE))
  const pieces = Array.from(bytes, (byte) => Uint8Array.of(byte))
  const wire = wireOf(() => ({ pieces, type: 'text/event-stream' }))
  const { client } = clientsOf(wire)
  const [first, second] = await Promise.all([
    client.chat.completions.create(STREAM),
    client.chat.completions.create(STREAM),
  ])
  expect(await lengthOf(second)).toBe(100_000)
  expect(await lengthOf(first)).toBe(100_000)
  expect(wire.calls()).toBe(1)
})

test('upstream is read no further than 8 MiB ahead of one reader that pauses, and goes on with it', async () => {
  let read = 0
  const chunks = long(40, MIB)().pieces
  const wire = wireOf(() => ({
    type: 'text/event-stream',
    pieces: new Proxy(chunks, {
      get(target, name) {
        if (typeof name === 'string' && /^\d+$/.test(name)) read = Math.max(read, Number(name))
        return Reflect.get(target, name)
      },
    }),
  }))
  const { client } = clientsOf(wire)
  const chunksOf = (await client.chat.completions.create(STREAM))[Symbol.asyncIterator]()
  await chunksOf.next()
  await until(() => read >= 8, 'upstream has been read ahead')
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  expect(read).toBeLessThan(12)
  let said = 0
  for (let next = await chunksOf.next(); !next.done; next = await chunksOf.next())
    said += next.value.choices[0]?.delta.content?.length ?? 0
  expect(said).toBe(40 * MIB)
})

test.each(['first', 'second'])(
  'a stream that is reset is trouble of upstream’s to callers that wanted it whole, the %s such call included',
  async () => {
    let whole = 0
    const answer = JSON.stringify({
      id: 'x',
      object: 'chat.completion',
      created: 1,
      model: 'm',
      choices: [{ index: 0, message: { role: 'assistant', content: 'fine' }, finish_reason: 'stop' }],
    })
    const wire = wireOf(() => ({ pieces: [], type: 'text/event-stream' }))
    const broken = wireOf(() => ({
      pieces: [new TextEncoder().encode(sse(role, say('x')))],
      type: 'text/event-stream',
      breaks: true,
    }))
    broken.hold(1)
    wire.fetch = async (input, init) => {
      if (String(init?.body).includes('"stream":true')) return await broken.fetch(input, init)
      whole += 1
      return new Response(answer, { headers: { 'content-type': 'application/json' } })
    }
    const { client } = clientsOf(wire)
    const streamed = client.chat.completions.create(STREAM).then(lengthOf)
    await until(() => broken.held() > 0, 'the stream has begun')
    const joined = client.chat.completions.create(ASK, { maxRetries: 1 })
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    broken.release()
    await expect(streamed).rejects.toThrow('terminated')
    expect((await joined).choices[0]?.message.content).toBe('fine')
    expect(whole).toBe(1)
    expect(client.gateway.stats().faults).toBe(0)
  },
)

test('the bytes of a stream can be read into memory of one’s own, as those of a fetch', async () => {
  const text = sse(role, say('é🙂'), stop(), usageChunk, DONE)
  const bytes = new TextEncoder().encode(text)
  const wire = wireOf(streamOf(bytes.slice(0, 100), bytes.slice(100)))
  const { client } = clientsOf(wire)
  for (const state of ['miss', 'exact']) {
    const { body, headers } = await client.chat.completions.create(STREAM).asResponse()
    expect(headers.get('x-gateway-cache')).toBe(state)
    const reader = body?.getReader({ mode: 'byob' })
    expect(body?.locked).toBe(true)
    expect(() => body?.getReader()).toThrow(TypeError)
    const read: number[] = []
    for (;;) {
      const next = await reader?.read(new Uint8Array(7))
      if (next === undefined || next.done) break
      read.push(...next.value)
    }
    const said = Buffer.from(read).toString()
    if (state === 'miss') expect(said).toBe(text)
    expect(said).toContain('é🙂')
    expect(said).toMatch(/\[DONE\]\n\n$/)
    await client.gateway.flush()
  }
  const { body } = await client.chat.completions.create({ ...STREAM, seed: 1 }).asResponse()
  await body?.getReader({ mode: 'byob' }).cancel()
})
