import { type CallRecord, gatewayOptions, type Policy } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import { APIError } from 'openai'
import { expect, test } from 'vitest'
import { llmGateway } from '../command.ts'
import { runs } from '../runs.ts'
import { ask, setup } from '../support.ts'
import { temporaryFile } from '../temporary.ts'

type Outcome = {
  name: string
  calls: number
  exact: number
  flight: number
  upstream: number
  refused: Record<string, number>
  costUsd: number
  savedUsd: number
  budgetMet: { team: string; day: string; at: number }[]
  redis?: { commands: number; peakBytes: number }
}

const linesOf = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).join('\n')

async function simulated(args: string[]): Promise<{ outcomes: Outcome[]; sweep?: Outcome[] }> {
  const { code, out, err } = await llmGateway(['simulate', '--json', ...args], {})
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return JSON.parse(out) as { outcomes: Outcome[]; sweep?: Outcome[] }
}

const AGENTS = ['one', 'two', 'three']
const MAX_TOKENS = 100
/** The input costs nothing: what a call may cost at most is the same by its size and by an estimate of its size. */
const MODELS = {
  small: { input: 0, output: 10, maxOutput: 1_000 },
  large: { input: 0, output: 40, maxOutput: 1_000 },
  extra: { input: 0, output: 80, maxOutput: 1_000 },
}
const policies = fc.record({
  ttl: fc.constantFrom(0, 3_600),
  rpm: fc.option(fc.integer({ min: 1, max: 25 }), { nil: undefined }),
  usd: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
  off: fc.boolean(),
})
const policyOf = ({
  ttl,
  rpm,
  usd,
  off,
}: typeof policies extends fc.Arbitrary<infer It> ? It : never): Policy => ({
  routing: { default: 'small', escalate: { above: 200, to: 'large' }, aliases: { alias: 'extra' } },
  models: MODELS,
  defaultServiceTier: 'default',
  cache: { exact: { ttlSeconds: ttl } },
  teams: {
    first: {
      agents: ['one', 'two'],
      models: ['small', 'large', 'extra', 'alias'],
      ...(rpm !== undefined && { rpm }),
      ...(usd !== undefined && { usdPerDay: usd / 1_000 }),
    },
    second: { agents: ['three'], models: ['small', 'large'], rpm: 40 },
  },
  ...(off && { agents: { two: { cache: false } } }),
})
const calls = fc.array(
  fc.record({
    agent: fc.constantFrom(...AGENTS),
    question: fc.nat(5),
    model: fc.constantFrom(undefined, 'small', 'extra', 'alias'),
    isLong: fc.boolean(),
    isFailing: fc.boolean(),
  }),
  { minLength: 1, maxLength: 40 },
)

/** Rows without latency: each call ended before the next one began. The question alone, without its team and its model. */
const rowOf = (record: CallRecord, at: number, question: string) => ({
  at: Date.UTC(2026, 10, 2, 12) + at * 100,
  agent: record.agent,
  team: record.team,
  operation: record.operation,
  model_asked: record.requestedModel,
  model: record.model,
  route: record.route,
  cache: record.cache,
  bypass: record.bypass,
  question,
  input_tokens: record.usage?.input,
  output_tokens: record.usage?.output,
  max_output_tokens: MAX_TOKENS,
  latency_ms: 10,
  status: record.status,
  error: record.error,
  cost_usd: record.costUsd,
  saved_usd: record.savedUsd,
})

test('calls played under the policy that the real gateway had end as they did there', async () => {
  await fc.assert(
    fc.asyncProperty(policies, calls, async (given, made) => {
      const policy = policyOf(given)
      const { client, records, upstream } = await setup({ policy, agent: 'one' }, { maxRetries: 0 })
      for (const { agent, question, model, isLong, isFailing } of made) {
        upstream.reset()
        if (isFailing) upstream.fail({ type: 'status', status: 503 })
        const { messages } = ask(isLong ? `${question} ${'word '.repeat(600)}` : `question ${question}`)
        const body = { messages, max_tokens: MAX_TOKENS, model: model ?? 'auto' }
        await client.chat.completions.create(body, gatewayOptions({ agent })).catch((error: unknown) => {
          if (!(error instanceof APIError)) throw error
          if (error.status !== 503 && !error.code?.startsWith('gateway_')) throw error
        })
      }
      await client.gateway.close()
      expect(records).toHaveLength(made.length)
      const count = (is: (record: CallRecord) => boolean) => records.filter(is).length
      const refused = Map.groupBy(
        records.filter(({ status }) => status === 'refused'),
        ({ error }) => error ?? '',
      )
      const sum = (of: (record: CallRecord) => number | undefined) =>
        records.reduce((all, record) => all + (of(record) ?? 0), 0)
      const { outcomes } = await simulated([
        temporaryFile(
          'calls.jsonl',
          linesOf(
            records.map((record, at) => rowOf(record, at, `${made[at]?.question} ${made[at]?.isLong}`)),
          ),
        ),
        '--policy',
        temporaryFile('policy.json', JSON.stringify(policy)),
      ])
      const expected = {
        calls: made.length,
        exact: count(({ cache }) => cache === 'exact'),
        upstream: count(({ status, cache }) => status !== 'refused' && cache !== 'exact'),
        refused: Object.fromEntries([...refused].map(([code, all]) => [code, all.length])),
        costUsd: expect.closeTo(
          sum(({ costUsd }) => costUsd),
          9,
        ) as number,
        savedUsd: expect.closeTo(
          sum(({ savedUsd }) => savedUsd),
          9,
        ) as number,
      }
      expect(outcomes[0]).toMatchObject({ name: 'recorded', ...expected })
      expect(outcomes[2]).toMatchObject(expected)
    }),
    { numRuns: runs(60) },
  )
})

const HOUR_MS = 3_600_000
const past = (at: number, fields: object = {}) => ({
  at: Date.UTC(2026, 10, 2) + at,
  agent: 'one',
  team: 'first',
  input_tokens: 10,
  output_tokens: 100,
  latency_ms: 1_000,
  question: 'q',
  ...fields,
})
const limited = (team: object, exact: object = { ttlSeconds: 3_600, staleIfErrorSeconds: 0 }) =>
  temporaryFile(
    'policy.json',
    JSON.stringify({
      routing: { default: 'small' },
      models: MODELS,
      cache: { exact },
      teams: { first: { agents: ['one'], ...team } },
    }),
  )
const simulatedUnder = async (policy: string, rows: object[], ...more: string[]) =>
  await simulated([temporaryFile('calls.jsonl', linesOf(rows)), '--policy', policy, ...more])

test('an answer serves for its lifetime, and its followers while it is on its way', async () => {
  const rows = [0, 500, 2_000, HOUR_MS, HOUR_MS + 999, HOUR_MS + 1_001].map((at) => past(at))
  const { outcomes } = await simulatedUnder(limited({}), rows)
  // Stored at 1,000 and fresh for an hour: a call a millisecond before its end is a hit.
  expect(outcomes[2]).toMatchObject({ calls: 6, upstream: 2, flight: 1, exact: 3 })
  expect(outcomes[1]).toMatchObject({ calls: 6, upstream: 6 })
})

test('what waits for a limit is answered in the next minute, or refused where it may not wait', async () => {
  const rows = Array.from({ length: 6 }, (_, at) => past(at * 10, { question: undefined }))
  const waits = await simulatedUnder(limited({ rpm: 3, onLimit: 'wait', maxWaitMs: 90_000 }), rows)
  expect(waits.outcomes[2]).toMatchObject({ upstream: 6, refused: {} })
  const refuses = await simulatedUnder(limited({ rpm: 3 }), rows)
  expect(refuses.outcomes[2]).toMatchObject({ upstream: 3, refused: { gateway_rpm_exceeded: 3 } })
})

test('a budget is met on its day at its time, and the next day is another', async () => {
  const rows = Array.from({ length: 48 }, (_, hour) =>
    past(hour * HOUR_MS, { question: undefined, max_output_tokens: 100 }),
  )
  // Each call costs a tenth of a cent.
  const { outcomes, sweep } = await simulatedUnder(
    limited({ usdPerDay: 0.01 }),
    rows,
    '--sweep',
    'teams.first.usdPerDay=0.005,0.01,0.05',
  )
  expect(outcomes[2]).toMatchObject({
    upstream: 20,
    refused: { gateway_daily_usd_exceeded: 28 },
    costUsd: expect.closeTo(0.02, 9) as number,
    budgetMet: [
      { team: 'first', day: '2026-11-02', at: Date.UTC(2026, 10, 2, 10) },
      { team: 'first', day: '2026-11-03', at: Date.UTC(2026, 10, 3, 10) },
    ],
  })
  expect(sweep?.map(({ upstream }) => upstream)).toEqual([10, 20, 48])
})

test('rows of usage tell a repetition by the age of a hit', async () => {
  const own = { question: undefined, model: 'small' }
  const rows = [
    past(0, { ...own, cache: 'miss' }),
    past(60_000, { ...own, cache: 'exact', age_ms: 59_000, latency_ms: 2 }),
    past(HOUR_MS, { ...own, cache: 'exact', age_ms: HOUR_MS - 1_000, latency_ms: 2 }),
    // Another question of the same size: its answer was not there.
    past(HOUR_MS + 60_000, { ...own, cache: 'miss' }),
  ]
  const csv = `﻿${Object.keys(rows[1] ?? {}).join(',')}\r\n${rows
    .map((row) =>
      Object.keys(rows[1] ?? {})
        .map((name) => (row as Record<string, unknown>)[name] ?? '')
        .join(','),
    )
    .join('\r\n')}\r\n`
  const file = temporaryFile('calls.csv', csv)
  const short = limited({}, { ttlSeconds: 600, staleIfErrorSeconds: 0 })
  const { outcomes } = await simulated([file, '--policy', limited({}), '--policy', short])
  expect(outcomes.map(({ exact }) => exact)).toEqual([2, 0, 2, 1])
})

test('longer lifetimes never bring fewer hits, and the same month is the same', async () => {
  const args = ['--synthetic', '--calls', '3000', '--sweep', 'cache.exact.ttlSeconds=60,3600,86400,604800']
  const [once, again] = await Promise.all([simulated(args), simulated(args)])
  expect(once).toEqual(again)
  const hits = once.sweep?.map(({ exact }) => exact) ?? []
  expect(hits).toEqual(hits.toSorted((a, b) => a - b))
  expect(hits[3]).toBeGreaterThan(hits[0] ?? 0)
})

test.each([
  [['none.jsonl'], 'none.jsonl cannot be read (ENOENT).'],
  [[], 'give one file with calls, or --synthetic'],
  [['--synthetic', '--calls', '0'], '--calls must be a whole number from 1 to 5000000, not "0".'],
  [['--synthetic', '--sweep', 'teams'], '--sweep teams: give a field and its values'],
  [['--synthetic', '--sweep', 'cache.exact.ttlSecond=1'], '--sweep cache.exact.ttlSecond=1: '],
  [['--synthetic', '--sweep', 'version.x=1'], '--sweep version.x=1: version is 1, and has no fields.'],
  [['--synthetic', '--sweep', '__proto__.x=5,6'], '--sweep __proto__.x=5: __proto__ is not a field.'],
  [['--synthetic', '--sweep', 'teams.__proto__.rpm=5'], '__proto__ is not a field.'],
])('a mistake is named: %j', async (args, message) => {
  const { code, out, err } = await llmGateway(['simulate', ...args], {})
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err).toContain(message)
})

test('a line that is no call is named with its field', async () => {
  const file = temporaryFile('calls.jsonl', linesOf([past(0), { ...past(1), at: 'yesterday' }]))
  const { code, err } = await llmGateway(['simulate', file], {})
  expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining('calls.jsonl, line 2: at') })
})
