import fc from 'fast-check'
import { _iterSSEMessages } from 'openai/core/streaming'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import { type SseEvent, sseParser, sseReader } from './sse.ts'

/** Returns what the SDK reads from bytes in these pieces. */
async function bySdk(pieces: Uint8Array[]): Promise<SseEvent[]> {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece)
      controller.close()
    },
  })
  const events: SseEvent[] = []
  for await (const { event, data } of _iterSSEMessages(new Response(body), new AbortController()))
    events.push(event ? { event, data } : { data })
  return events
}

function byUs(pieces: Uint8Array[]): SseEvent[] {
  const reader = sseReader()
  const events = pieces.flatMap((piece) => reader.push(piece))
  return [...events, ...reader.end()]
}

function cut(bytes: Uint8Array, places: number[]): Uint8Array[] {
  const borders = places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b)
  return [0, ...borders].map((from, at) => bytes.slice(from, borders[at] ?? bytes.length))
}

const WORDS = [
  'data: ',
  'data:',
  'data',
  'event: ',
  'event:',
  'event',
  'id: 1',
  'retry: 5',
  ':',
  ': ping',
  ' ',
  '\n',
  '\n\n',
]
const MORE = [
  '\r',
  '\r\n',
  '\r\n\r\n',
  '\n\r',
  '\uFEFF',
  'x',
  'é',
  '漢',
  '🙂',
  '{"a":1}',
  '[DONE]',
  '\0',
  '\u2028',
  '\t',
]
const text = fc
  .array(fc.constantFrom(...WORDS, ...MORE), { maxLength: 40 })
  .map((words) => Buffer.from(words.join('')))
const broken = fc
  .array(
    fc.oneof(
      fc.constantFrom(...[...WORDS, ...MORE].map((word) => Buffer.from(word))),
      fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes)),
    ),
  )
  .map((parts) => Buffer.concat(parts))

test('the events are those that the SDK reads, whatever the bytes and wherever they are cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(text, broken), fc.array(fc.nat(), { maxLength: 12 }), async (bytes, places) => {
      const pieces = cut(new Uint8Array(bytes), places)
      expect(byUs(pieces)).toEqual(await bySdk(pieces))
    }),
    { numRuns: runs(1_000) },
  )
})

test('cut in two at every byte, a stream is read as it is in one piece', async () => {
  const stream =
    '\uFEFF: hi\r\ndata: {"a":"é漢🙂"}\r\n\r\n: ping\n\nevent: x\ndata:1\ndata: 2\n\nid: 7\rdata: é\r\rdata: [DONE]\n\ntrailing'
  const bytes = new TextEncoder().encode(stream)
  const expected = await bySdk([bytes])
  for (let at = 0; at <= bytes.length; at += 1)
    expect(byUs([bytes.slice(0, at), bytes.slice(at)])).toEqual(expected)
})

test('each read has its events for itself', () => {
  const reader = sseReader()
  const encode = (text: string) => new TextEncoder().encode(text)
  const reads = ['data: 1\n\n', ': ping\n\n', 'da', 'ta: 2\n', '\n', 'data: 3\n\ndata: 4\n\n'].map((text) =>
    reader.push(encode(text)),
  )
  expect(reads.map((events) => events.map(({ data }) => data))).toEqual([
    ['1'],
    [],
    [],
    [],
    ['2'],
    ['3', '4'],
  ])
  expect(new Set(reads.filter((events) => events.length > 0)).size).toBe(3)
})

test('what is too long to be held is passed on as it means, and what follows is read', () => {
  fc.assert(
    fc.property(
      text,
      fc.array(fc.nat(), { maxLength: 12 }),
      fc.integer({ min: 0, max: 12 }),
      (bytes, places, most) => {
        const pieces = cut(new Uint8Array(bytes), places)
        const seen: SseEvent[] = []
        const parser = sseParser((event) => seen.push(event), most)
        for (const piece of pieces) parser.push(piece)
        parser.end()
        const again = seen.map(({ event, data, raw }) =>
          raw
            ? data
            : `${event === undefined ? '' : `event: ${event}\n`}${data
                .split('\n')
                .map((line) => `data: ${line}\n`)
                .join('')}\n`,
        )
        expect(byUs([new TextEncoder().encode(again.join(''))])).toEqual(byUs(pieces))
      },
    ),
    { numRuns: runs(1_000) },
  )
})
