import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runs } from '../../../../../test/runs.ts'
import type { CallRecord } from '../../core/record.ts'
import { observationOf } from './observation.ts'

const ID = '0f8b6a52-3c1d-4e7f-9a2b-5c6d7e8f9a0b'

const RECORD: CallRecord = {
  id: ID,
  startedAt: 1_760_000_000_000,
  agent: 'support',
  team: 'prod_customer',
  tags: [],
  operation: 'chat',
  path: '/v1/chat/completions',
  stream: false,
  requestedModel: 'gpt-4o-mini',
  model: 'gpt-4o-mini',
  route: 'default',
  cache: 'miss',
  usage: { input: 1000, cachedInput: 100, audioInput: 0, output: 200, reasoning: 50, audioOutput: 0 },
  estimated: false,
  costUsd: 0.00027,
  latencyMs: 812.4,
  attempts: [{ model: 'gpt-4o-mini', status: 200, latencyMs: 500.2 }],
  status: 'ok',
  httpStatus: 200,
}

const mapped = (record: Partial<CallRecord>) =>
  observationOf({ record: { ...RECORD, ...record }, parameters: {} })

describe('tokens', () => {
  test('each token is in one bucket', () => {
    expect(mapped({}).tokens).toEqual({
      input: 900,
      input_cached_tokens: 100,
      output: 150,
      output_reasoning_tokens: 50,
      total: 1200,
    })
  })

  test('buckets are never negative, and make up the total, whatever the usage', () => {
    const count = fc.nat({ max: 1_000_000 })
    const usage = fc
      .tuple(
        count,
        count,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
      )
      .map(([input, output, one, other]) => ({
        input,
        cachedInput: Math.floor(input * one),
        audioInput: Math.floor(input * other),
        output,
        reasoning: Math.floor(output * other),
        audioOutput: Math.floor(output * one),
      }))
    fc.assert(
      fc.property(usage, (usage) => {
        const { total, ...buckets } = mapped({ usage }).tokens ?? {}
        const parts = Object.values(buckets)
        expect(parts.every((part) => Number.isInteger(part) && part >= 0)).toBe(true)
        expect(parts.reduce((sum, part) => sum + part, 0)).toBe(total)
        expect(total).toBe(usage.input + usage.output)
      }),
      { numRuns: runs(100) },
    )
  })

  test.each(['exact', 'semantic', 'flight', 'stale'] as const)('%s took none, and says so', (cache) => {
    const { tokens, metadata, scores, tags } = mapped({ cache, costUsd: 0, savedUsd: 0.00027 })
    expect(tokens).toEqual({ input: 0, output: 0, total: 0 })
    expect(metadata).toMatchObject({ cache, savedUsd: 0.00027, answerTokens: 1200 })
    expect(scores.map(({ value }) => value)).toEqual([cache, 1])
    expect(tags).toEqual([`cache:${cache}`])
  })

  test('a paid pass-through request has no token counts', () => {
    const { usage: _, costUsd: __, ...record } = { ...RECORD, operation: 'other' as const, model: '' }
    const passed = observationOf({ record, parameters: {} })
    expect(passed).not.toHaveProperty('tokens')
    expect(passed).not.toHaveProperty('model')
    expect(passed).not.toHaveProperty('costUsd')
    expect(passed.scores).toEqual([])
  })
})

test.each([
  ['ok', 'DEFAULT', undefined],
  ['refused', 'WARNING', 'gateway_rpm_exceeded'],
  ['aborted', 'WARNING', 'aborted'],
  ['failed', 'ERROR', 'http_500'],
] as const)('%s is %s', (status, level, message) => {
  const error = message === undefined || message === 'aborted' ? {} : { error: message }
  const { level: found, statusMessage } = mapped({ status, ...error })
  expect([found, statusMessage]).toEqual([level, message])
})

test('an unknown cost stays absent, and no pattern of Langfuse matches the model', () => {
  const { costUsd: _, ...record } = RECORD
  const unpriced = observationOf({ record, parameters: {} })
  expect(unpriced).not.toHaveProperty('costUsd')
  expect(unpriced.model).toBe('gpt-4o-mini (no price)')
  expect(unpriced.metadata.costUsd).toBe('unknown')
})

test('ids are valid for OpenTelemetry, and equal for the same call', () => {
  fc.assert(
    fc.property(fc.option(fc.string({ maxLength: 1000 }), { nil: undefined }), (trace) => {
      const record = trace === undefined ? {} : { trace }
      const { otelTraceId, otelId, traceId } = mapped(record)
      expect(otelTraceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/)
      expect(otelId).toMatch(/^(?!0{16})[0-9a-f]{16}$/)
      expect(traceId).toMatch(/^[^\r\n]{1,400}$/)
      expect(mapped(record)).toEqual(mapped(record))
    }),
    { numRuns: runs(100) },
  )
})

test('a trace of Langfuse’s own SDKs is joined: its id as it is, or hashed as createTraceId(seed) does', () => {
  expect(mapped({ trace: 'a'.repeat(32) }).otelTraceId).toBe('a'.repeat(32))
  // echo -n order-17 | sha256sum
  expect(mapped({ trace: 'order-17' })).toMatchObject({
    traceId: 'order-17',
    otelTraceId: '72a90ea3da8b5dd01bde2f27314e02e2',
  })
  expect(mapped({}).otelTraceId).toBe(ID.replaceAll('-', ''))
})

test('texts are cut to what a server takes', () => {
  const input = Array.from({ length: 20 }, () => ({ role: 'user', content: '漢'.repeat(100_000) }))
  const { input: found } = observationOf({ record: RECORD, parameters: {}, content: { input } })
  expect(Buffer.byteLength(JSON.stringify(found))).toBeLessThan(500_000)
  expect(String(found)).toMatch(/<cut; 2\d{6} characters of JSON in all>$/)
})

test('messages and tools are in one object', () => {
  const tools = [{ type: 'function', function: { name: 'find' } }]
  const messages = [{ role: 'user', content: 'hi' }]
  const report = {
    record: RECORD,
    parameters: {},
    content: { input: messages, tools, output: { role: 'assistant' } },
  }
  expect(observationOf(report)).toMatchObject({ input: { messages, tools }, output: { role: 'assistant' } })
})
