import { expect, test, vi } from 'vitest'
import { clientsOf, DONE, jsonOf, sse, streamOf, wireOf } from '../hostile/wire.ts'
import { runs } from '../runs.ts'
import { delta, role, say, stop, usageChunk } from './chunk.ts'

const ASK = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'x' }] }
const MIB = 1024 * 1024
/** Size of large answers, in MiB: 16 with all generated cases. What grows with the square of the bytes shows at 4 as well. */
const LARGE = 4 * Math.min(4, runs(4))
/** Size of an endless line, in MiB: beyond the 32 million characters that are kept of one. */
const LINE = 40

const cut = (text: string, bytes: number): Uint8Array[] => {
  const all = new TextEncoder().encode(text)
  return Array.from({ length: Math.ceil(all.length / bytes) }, (_, at) =>
    all.slice(at * bytes, (at + 1) * bytes),
  )
}

/** Seconds of this process's CPU, the least of three: what else runs here only adds to it. */
async function cpuOf(run: () => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < 3; round += 1) {
    const before = process.cpuUsage()
    await run()
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, (user + system) / 1e6)
  }
  return least
}

/** The longest that the event loop stood still, in milliseconds, beside what `run` takes. */
async function readThrough(client: ReturnType<typeof clientsOf>['bare']): Promise<number> {
  let said = 0
  for await (const each of await client.chat.completions.create({ ...ASK, stream: true }))
    said += each.choices[0]?.delta.content?.length ?? 0
  return said
}

// In memory, where nothing but the reading costs anything: beside a real connection, the difference is smaller still.
// `npm run bench:large` tells it exactly; here it must only not be another order.
test.each([
  ['in pieces of 64 KiB', 64 * 1024],
  ['in pieces of 1 KiB', 1024],
])(`an event of ${LARGE} MiB %s takes time linear in its bytes`, async (_, bytes) => {
  const text = sse(role, say('x'.repeat(LARGE * MIB)), stop(), usageChunk, DONE)
  const wire = wireOf(streamOf(...cut(text, bytes)))
  const { bare, client, records } = clientsOf(wire)
  const expected = await cpuOf(() => readThrough(bare))
  const taken = await cpuOf(async () => {
    expect(await readThrough(client)).toBe(LARGE * MIB)
    await client.gateway.flush()
  })
  expect(taken).toBeLessThan(4 * expected)
  expect(records.at(-1)?.usage).toMatchObject({ input: 1, output: 1 })
})

test(`a line of ${LINE} MiB without end is passed on in full, whatever else is asked of the stream`, async () => {
  for (const streamUsage of ['always', 'never'] as const) {
    const text = sse(role, say('x'.repeat(LINE * MIB)), stop(), DONE)
    const { client } = clientsOf(wireOf(streamOf(...cut(text, 256 * 1024))), { policy: { streamUsage } })
    expect(await readThrough(client)).toBe(LINE * MIB)
  }
})

test(`an embeddings answer of ${LARGE} MB is counted by upstream’s own figures, and costs what it costs to read`, async () => {
  const input = Array.from({ length: 16 * LARGE }, (_, at) => `text ${at}`)
  const data = input.map((_, index) => ({
    object: 'embedding',
    index,
    embedding: Array.from({ length: 3_072 }, (_, at) => Math.sin(at * index) / 100),
  }))
  const usage = { prompt_tokens: 700, total_tokens: 700 }
  for (const answer of [
    { object: 'list', data, model: 'text-embedding-3-large', usage },
    { usage, object: 'list', model: 'text-embedding-3-large', data },
  ]) {
    const text = JSON.stringify(answer)
    expect(text.length).toBeGreaterThan(LARGE * 1e6)
    const pieces = text.match(/[\s\S]{1,65536}/g) ?? []
    const { bare, client, records } = clientsOf(wireOf(jsonOf(...pieces)))
    const asked = { model: 'text-embedding-3-large', input, encoding_format: 'float' as const }
    const expected = await cpuOf(() => bare.embeddings.create(asked))
    const taken = await cpuOf(async () => {
      expect((await client.embeddings.create(asked)).data).toHaveLength(input.length)
      await client.gateway.flush()
    })
    expect(taken).toBeLessThan(3 * expected)
    expect(records.at(-1)?.usage).toMatchObject({ input: 700, output: 0 })
    expect(records.at(-1)?.estimated).not.toBe(true)
  }
})

const MANY = Object.fromEntries(Array.from({ length: 200_000 }, (_, at) => [`member${at}`, at]))
const USAGE = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }
const WHOLE = {
  ...{ id: 'c', object: 'chat.completion', created: 1, model: 'gpt-4o-mini' },
  choices: [
    { index: 0, message: { role: 'assistant', content: 'x', refusal: null, MANY }, finish_reason: 'stop' },
  ],
}
const BEGUN = { id: 'r', object: 'response', created_at: 1, model: 'gpt-4o-mini', output: [] }
const event = (type: string, response: object) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: 0, response })}\n\n`

async function eventsOf<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const each of stream) all.push(each)
  return all
}

/** Texts of a mebibyte that are parsed meanwhile. */
async function parsedIn(run: () => Promise<unknown>): Promise<number> {
  const parse = vi.spyOn(JSON, 'parse')
  try {
    await run()
    return parse.mock.calls.filter(([text]) => text.length > MIB).length
  } finally {
    parse.mockRestore()
  }
}

test.each([
  ['an event', streamOf(sse(role, delta({ content: 'x', MANY }), stop(), usageChunk, DONE)), true],
  ['a whole answer', jsonOf(JSON.stringify({ ...WHOLE, usage: USAGE })), false],
  ['a whole answer with its usage first', jsonOf(JSON.stringify({ usage: USAGE, ...WHOLE })), false],
])(
  '%s of 200,000 members is parsed by its reader alone, counted, and never stored',
  async (_, wire, stream) => {
    const { bare, client, records } = clientsOf(wireOf(wire))
    const read = async (of: typeof bare) => {
      if (!stream) return await of.chat.completions.create(ASK)
      return await eventsOf(await of.chat.completions.create({ ...ASK, stream }))
    }
    const expected = await read(bare)
    const byReader = await parsedIn(() => read(bare))
    for (let time = 1; time <= 2; time += 1) {
      const times = await parsedIn(async () => {
        expect(await read(client)).toEqual(expected)
        await client.gateway.flush()
      })
      expect(times).toBe(byReader)
      expect(records.at(-1)).toMatchObject({
        cache: 'miss',
        usage: stream ? { input: 1 } : { input: 3, output: 2 },
      })
    }
  },
)

test('a terminal event of 200,000 members is passed on, counted, and never stored', async () => {
  const usage = { input_tokens: 3, output_tokens: 2, total_tokens: 5 }
  const text =
    event('response.created', { ...BEGUN, status: 'in_progress' }) +
    event('response.completed', { ...BEGUN, status: 'completed', usage, MANY })
  const { client, records } = clientsOf(wireOf(streamOf(text)))
  for (let time = 1; time <= 2; time += 1) {
    const asked = { model: 'gpt-4o-mini', input: 'x', stream: true as const }
    expect(await eventsOf(await client.responses.create(asked))).toHaveLength(2)
    await client.gateway.flush()
    expect(records.at(-1)).toMatchObject({ cache: 'miss', usage: { input: 3, output: 2 } })
  }
})
