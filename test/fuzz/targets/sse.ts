import { deepEqual } from 'node:assert/strict'
import { type SseEvent, sseFrame, sseReader } from '#src/body/sse.ts'
import type { Target } from '../engine.ts'

/** Reads the bytes in pieces of these lengths, in turn. */
function eventsOf(bytes: Buffer, lengths: number[]): SseEvent[] {
  const reader = sseReader()
  const events: SseEvent[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const to = at + (lengths[turn % lengths.length] ?? 1)
    events.push(...reader.push(bytes.subarray(at, to)))
    at = to
  }
  events.push(...reader.end())
  return events
}

/** Reads the whole text at once, line by line, by the rules of the standard and of the SDK alone. */
function expectedOf(bytes: Buffer): SseEvent[] {
  const events: SseEvent[] = []
  let event: string | undefined
  let data: string[] = []
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  const lines = text.split(/\r\n|\r|\n/)
  // Text after the last line end is a line of its own.
  if (lines.at(-1) === '') lines.pop()
  for (const given of [...lines, '']) {
    const line = given.replace(/^\ufeff/, '')
    if (line === '') {
      if (event || data.length > 0) events.push({ ...(event && { event }), data: data.join('\n') })
      event = undefined
      data = []
    } else {
      const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
      if (field === 'event') event = value
      if (field === 'data') data.push(value)
    }
  }
  return events
}

/** The reader of streams: any division into pieces gives the events of the standard, and frames give them again. */
export const target: Target = {
  seeds: [
    '\u0003data: {"a":1}\n\ndata: [DONE]\n\n',
    '\u0001event: x\r\ndata: a\r\ndata: b\r\n\r\n: note\rdata\r\rid: 1\n',
    '\u0002\ufeffdata:é\n\n\ufeffevent:\n\n',
  ],
  run(input) {
    const bytes = input.subarray(1)
    const lengths = [1 + ((input[0] ?? 0) & 7), 1 + ((input[0] ?? 0) >> 3)]
    const events = eventsOf(bytes, lengths)
    deepEqual(events, expectedOf(bytes))
    deepEqual(events, eventsOf(bytes, [bytes.length || 1]))
    const frames = Buffer.from(events.map(sseFrame).join(''))
    deepEqual(eventsOf(frames, lengths), events)
  },
}
