import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CallRecord } from '#src/core/record.ts'
import { rowOf } from '#src/sinks/supabase/row.ts'
import { runs } from '../runs.ts'
import { type Supabase, startSupabase } from './server.ts'

let supabase: Supabase
beforeAll(async () => {
  supabase = await startSupabase()
})
afterAll(() => supabase?.close())

/** Any text, NUL and half of a surrogate pair among them, sometimes a long one. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(
    '\0',
    'a\0b',
    '\ud800',
    '\udc00x',
    '{"a"}',
    'NULL',
    '\\',
    '🙂'.repeat(400),
    'x'.repeat(5_000),
  ),
)
const number = fc.oneof(fc.double(), fc.integer(), fc.nat())
const word = text as fc.Arbitrary<never>
const record: fc.Arbitrary<CallRecord> = fc.record(
  {
    id: fc.uuid(),
    startedAt: fc.integer({ min: 0, max: 4e12 }),
    agent: text,
    team: text,
    session: text,
    user: text,
    trace: text,
    tags: fc.array(text, { maxLength: 80 }),
    operation: word,
    path: text,
    stream: fc.boolean(),
    requestedModel: text,
    model: text,
    route: word,
    cache: word,
    bypass: text,
    similarity: number,
    ageMs: number,
    usage: fc.record({
      input: number,
      cachedInput: number,
      audioInput: number,
      output: number,
      reasoning: number,
      audioOutput: number,
    }),
    estimated: fc.boolean(),
    costUsd: number,
    savedUsd: number,
    waitedMs: number,
    degraded: word,
    latencyMs: number,
    firstTokenMs: number,
    attempts: fc.constant([]),
    status: word,
    httpStatus: number,
    error: text,
  },
  {
    requiredKeys: [
      'id',
      'startedAt',
      'agent',
      'team',
      'tags',
      'operation',
      'path',
      'stream',
      'model',
      'route',
      'cache',
      'estimated',
      'latencyMs',
      'attempts',
      'status',
    ],
  },
)

test('the table takes the row of any record', async () => {
  const secret = supabase.as('secret')
  const all = new Set<string>()
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 40 }), async (records) => {
      const { error } = await secret.from('llm_usage').upsert(records.map(rowOf), {
        onConflict: 'request_id,at',
        ignoreDuplicates: true,
        defaultToNull: false,
      })
      expect(error).toBeNull()
      for (const { id } of records) all.add(id)
    }),
    { numRuns: runs(60) },
  )
  expect(await supabase.sql('select count(*)::int as rows from llm_usage')).toEqual([{ rows: all.size }])
})

test('dollars are exact to the billionth, and what is unknown is not in the row', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 15 }), (nano) => {
      const [given] = fc.sample(record, 1)
      const { cost_usd, saved_usd } = rowOf({
        ...(given as CallRecord),
        costUsd: nano / 1e9,
        savedUsd: Number.NaN,
      })
      expect(
        String(cost_usd)
          .replace('.', '')
          .replace(/^0+(?=\d)/, ''),
      ).toBe(String(nano))
      expect(saved_usd).toBeUndefined()
    }),
    { numRuns: runs(100) },
  )
})
