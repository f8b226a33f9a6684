import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import { type SseEvent, sseFrame, sseParser } from './sse.ts'

function parse(pieces: Uint8Array[]): SseEvent[] {
  const events: SseEvent[] = []
  const parser = sseParser((event) => events.push(event))
  for (const piece of pieces) parser.push(piece)
  parser.end()
  return events
}

function cut(bytes: Uint8Array, places: number[]): Uint8Array[] {
  const borders = [
    0,
    ...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b),
    bytes.length,
  ]
  return borders.slice(1).map((to, at) => bytes.subarray(borders[at], to))
}

const noise = fc.string({
  unit: fc.constantFrom(
    'data: ',
    'event: ',
    'id: 1',
    ':',
    ' ',
    '\n',
    '\r',
    '\r\n',
    'x',
    'é',
    '漢',
    '🙂',
    '{"a":1}',
    '[DONE]',
  ),
})

test('the events do not depend on where the bytes are cut', () => {
  fc.assert(
    fc.property(noise, fc.array(fc.nat()), (text, places) => {
      const bytes = new TextEncoder().encode(text)
      expect(parse(cut(bytes, places))).toEqual(parse([bytes]))
    }),
    { numRuns: runs(2_000) },
  )
})

test('a frame is read back as the event it was made of', () => {
  const word = fc.string({ unit: 'grapheme' }).map((text) => text.replace(/[\r\n]/g, ''))
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1 }),
      fc.option(
        word.filter((name) => name !== '' && !name.startsWith(' ')),
        { nil: undefined },
      ),
      (lines, event) => {
        const data = lines.join('\n')
        const made = event === undefined ? { data } : { event, data }
        expect(parse([new TextEncoder().encode(sseFrame(made))])).toEqual([made])
      },
    ),
    { numRuns: runs(100) },
  )
})

test('comments, ids and retries mean nothing; an event without its blank line comes at the end', () => {
  const text = '\ufeff: hello\nid: 7\nretry: 5\nevent: a\ndata: 1\ndata:2\n\ndata: 3'
  expect(parse([new TextEncoder().encode(text)])).toEqual([{ event: 'a', data: '1\n2' }, { data: '3' }])
})
