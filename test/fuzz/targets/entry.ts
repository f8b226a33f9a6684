import { deepEqual, equal, ok } from 'node:assert/strict'
import { crc32, deflateRawSync } from 'node:zlib'
import { replay } from '#src/body/replay.ts'
import { decode, encode, mayMatch } from '#src/cache-entry/codec.ts'
import { dictionary } from '#src/cache-entry/dictionary.ts'
import type { View } from '#src/core/recording.ts'
import type { Target } from '../engine.ts'

const VIEW = { stream: false, includeUsage: false, signal: new AbortController().signal } as View
const NAMES = new Set(['content-type', 'openai-version', 'x-request-id', 'x-gateway-origin-request-id'])
const HEAD = Buffer.from('GX\x02\0aaaabbbbcccc', 'latin1')
const REST =
  '{"model":"m","team":"t","agent":"a","storedAt":1,"freshUntil":2,"keptUntil":3,"untold":false,"usage":{"estimated":false,"usage":{"input":1}},"headers":[["openai-version","2"]],"answerId":"i"}'

/** Returns the bytes that a stranger with access to Redis could write for this text: well packed, with a good checksum. */
function forged(text: Buffer, json: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(json.length)
  const packed = deflateRawSync(Buffer.concat([length, json, text]), { dictionary, level: 1 })
  const sum = Buffer.alloc(4)
  sum.writeUInt32LE(crc32(packed, crc32(HEAD)))
  return Buffer.concat([HEAD, sum, packed])
}

/** Entries of the cache as a stranger may have written them: they are read as entries, or as none, and never throw. */
export const target: Target = {
  seeds: [
    `f${REST}\nhello`,
    'rGX\x02\0aaaabbbbccccxxxx',
    `f${REST.replace('openai-version', 'x y')}\n{}`,
    `f${REST.replace('"2"', '"\\u2028"')}\n{}`,
  ],
  async run(input) {
    const isForged = input[0] === 0x66
    const bytes = input.subarray(1)
    const end = bytes.indexOf(0x0a)
    const value = isForged ? forged(bytes.subarray(end + 1), bytes.subarray(0, Math.max(0, end))) : bytes
    mayMatch({ team: 't', agent: 'a', model: 'm' }, value.subarray(0, 16))
    const entry = await decode(value)
    if (entry === undefined) return
    for (const name of [entry.model, entry.team, entry.agent, entry.text]) ok(typeof name === 'string')
    ok([entry.storedAt, entry.freshUntil, entry.keptUntil].every(Number.isFinite))
    for (const header of entry.headers)
      ok(header.length === 2 && header.every((part) => typeof part === 'string'))
    const again = await decode(await encode(entry))
    deepEqual(again && { text: again.text, headers: again.headers }, {
      text: entry.text,
      headers: entry.headers,
    })
    let recording: ReturnType<typeof replay>
    try {
      recording = replay(entry, 'chat', 'https://x.example/', VIEW)
    } catch {
      return
    }
    // Once it is replayed, nothing of it may fail, or say what only the gateway says.
    const response = await recording.open(VIEW, () => undefined)
    for (const [name] of response.headers) ok(NAMES.has(name), `${name} of a stranger is shown to the caller`)
    equal(await response.text(), entry.text)
  },
}
