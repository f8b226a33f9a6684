import { crc32, deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import { ATTRIBUTES_END, decode, encode, mayMatch } from './codec.ts'
import type { CacheEntry } from './entry.ts'

const count = fc.nat(1_000_000)
/** Lone surrogates and all. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
)
/** Characters that a header may have. */
const value = fc.string({
  unit: fc
    .integer({ min: 0x20, max: 0xff })
    .filter((code) => code !== 0x7f)
    .map((code) => String.fromCharCode(code)),
})
const header = fc.oneof(
  fc.tuple(fc.constantFrom('openai-version', 'x-gateway-origin-request-id'), value),
  fc.constant<[string, string]>(['content-type', 'application/vnd.api+json']),
)
const entries: fc.Arbitrary<CacheEntry> = fc.record({
  text,
  usage: fc.record(
    {
      usage: fc.record({
        input: count,
        cachedInput: count,
        audioInput: count,
        output: count,
        reasoning: count,
        audioOutput: count,
      }),
      estimated: fc.boolean(),
      tier: text,
    },
    { requiredKeys: ['usage', 'estimated'] },
  ),
  model: text,
  headers: fc.array(header),
  answerId: fc.option(text, { nil: undefined }),
  untold: fc.boolean(),
  team: text,
  agent: text,
  storedAt: count,
  freshUntil: count,
  keptUntil: count,
})

test('what was encoded is decoded as it was, whatever the text', async () => {
  await fc.assert(
    fc.asyncProperty(entries, async (entry) => {
      expect(await decode(await encode(entry))).toEqual(entry)
    }),
    { numRuns: runs(500) },
  )
})

test('a long entry goes the other way through the compressor, and comes back the same', async () => {
  const [entry] = fc.sample(entries, 1)
  const long = { ...(entry as CacheEntry), text: JSON.stringify(Array.from({ length: 90_000 }, Math.random)) }
  expect(await decode(await encode(long))).toEqual(long)
})

test.each<[string, string]>([
  ['set-cookie', 'a=b'],
  ['x-gateway-cost-usd', '0'],
  ['content-type', 'text/html'],
  ['openai version', '1'],
  ['openai-version', '\u2028'],
  ['openai-version', 'a\r\nb: c'],
])('an entry with a header that no answer keeps is a miss: %j %j', async (...header) => {
  const [entry] = fc.sample(entries, 1)
  expect(await decode(await encode({ ...(entry as CacheEntry), headers: [header] }))).toBeUndefined()
})

test('any truncation, mutation or insertion is a miss', async () => {
  await fc.assert(
    fc.asyncProperty(entries, fc.nat(), fc.integer({ min: 1, max: 255 }), async (entry, place, change) => {
      const whole = await encode(entry)
      const at = place % whole.length
      const changed = Buffer.from(whole)
      changed[at] = (changed[at] ?? 0) ^ change
      expect(await decode(changed)).toBeUndefined()
      expect(await decode(whole.subarray(0, at))).toBeUndefined()
      expect(
        await decode(Buffer.concat([whole.subarray(0, at), Buffer.of(change), whole.subarray(at)])),
      ).toBe(undefined)
    }),
    { numRuns: runs(300) },
  )
})

test('bytes of others are a miss', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      expect(await decode(Buffer.from(bytes))).toBeUndefined()
      expect(await decode(Buffer.concat([Buffer.from('GX\x02\0'), bytes]))).toBeUndefined()
    }),
    { numRuns: runs(100) },
  )
})

test('an entry of another version is a miss', async () => {
  const [entry] = fc.sample(entries, 1)
  const value = await encode(entry as CacheEntry)
  for (const version of [0, 1, 3]) {
    value[2] = version
    expect(await decode(value)).toBeUndefined()
  }
})

test('a value that would inflate beyond any answer is a miss', async () => {
  const head = Buffer.concat([Buffer.from('GX\x02\0'), Buffer.alloc(12)])
  const packed = deflateRawSync(Buffer.alloc(64 * 1024 * 1024), { level: 9 })
  const sum = Buffer.alloc(4)
  sum.writeUInt32LE(crc32(Buffer.concat([head, packed])))
  expect(await decode(Buffer.concat([head, sum, packed]))).toBeUndefined()
})

test('the first bytes tell whose an entry is', async () => {
  await fc.assert(
    fc.asyncProperty(entries, async (entry) => {
      const start = (await encode(entry)).subarray(0, ATTRIBUTES_END)
      const { team, agent, model } = entry
      expect(mayMatch({ team, agent, model }, start)).toBe(true)
      expect(mayMatch({}, start)).toBe(true)
      expect(mayMatch({ team, agent: `${agent}!` }, start)).toBe(false)
    }),
    { numRuns: runs(100) },
  )
})

test('an answer of usual length takes less than a third of its text', async () => {
  const [entry] = fc.sample(entries, 1)
  const content = 'Your order left the kitchen at 18:42 and should be with you in about twenty minutes.'
  const message = { role: 'assistant', content, refusal: null, annotations: [] }
  const answer = {
    id: 'chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT',
    object: 'chat.completion',
    created: 1_741_569_952,
    model: 'gpt-4o-mini-2024-07-18',
    choices: [{ index: 0, message, logprobs: null, finish_reason: 'stop' }],
    usage: { prompt_tokens: 19, completion_tokens: 10, total_tokens: 29 },
    service_tier: 'default',
  }
  const text = JSON.stringify(answer, null, 2)
  const usual = { ...(entry as CacheEntry), team: 'a', agent: 'b', headers: [], model: 'gpt-4o-mini', text }
  expect((await encode({ ...usual, answerId: undefined })).length).toBeLessThan(text.length)
})
