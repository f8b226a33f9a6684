import { expect, test } from 'vitest'
import type { JsonObject } from '../core/json.ts'
import { event, setup, span } from './test-setup.ts'

/** What two real servers made of the same calls: gpt-4o, 1,000 prompt tokens of which 100 were cached, 200 of answer. */
const model = 'gpt-4o-2024-08-06'

async function costOnV4(usage: JsonObject, costs?: JsonObject) {
  const server = await setup({ version: '4.16.0' })
  await server.export(
    span({
      'langfuse.observation.type': 'generation',
      'langfuse.observation.model.name': model,
      'langfuse.observation.usage_details': JSON.stringify(usage),
      ...(costs ? { 'langfuse.observation.cost_details': JSON.stringify(costs) } : {}),
    }),
  )
  const [observation] = server.langfuse.observations.values()
  expect(server.langfuse.malformed).toEqual([])
  return observation
}

async function storedOnV2(body: JsonObject) {
  const server = await setup({ version: '2.95.12' })
  await server.ingest(event('generation-create', { id: 'g', traceId: 't', model, ...body }))
  return server.langfuse.observations.get('g')
}

test('4.16.0 prices disjoint buckets once, inclusive ones twice, and reasoning never', async () => {
  const cached = { input_cached_tokens: 100, output: 200 }
  expect((await costOnV4({ input: 900, ...cached }))?.costUsd).toBe(0.004375)
  expect((await costOnV4({ input: 1000, ...cached }))?.costUsd).toBe(0.004625)
  const openai = {
    prompt_tokens: 1000,
    completion_tokens: 200,
    total_tokens: 1200,
    prompt_tokens_details: { cached_tokens: 100 },
    completion_tokens_details: { reasoning_tokens: 50 },
  }
  expect((await costOnV4(openai))?.costUsd).toBe(0.003875)
})

test('4.16.0 computes no cost where one is given, and sums only plain input and output', async () => {
  const usage = { input: 900, input_cached_tokens: 100, output: 200 }
  expect((await costOnV4(usage, { total: 0.5 }))?.costUsd).toBe(0.5)
  expect((await costOnV4(usage, { input: 0.25, output: 0.5 }))?.costUsd).toBe(0.75)
  expect((await costOnV4(usage, { input: 0.25, input_cached_tokens: 0.5 }))?.costUsd).toBeUndefined()
})

test('2.95.12 reads `usage` only: with usageDetails it counts the texts', async () => {
  const usageDetails = { input: 900, input_cached_tokens: 100, output: 200 }
  const counted = await storedOnV2({
    usageDetails,
    costDetails: { total: 1 },
    input: 'one two',
    output: 'three',
  })
  expect(counted?.tokens).toEqual({ input: 2, output: 2, total: 4 })
  expect(counted?.costUsd).toBe(0.000025)
  const told = await storedOnV2({ usage: { input: 1000, output: 200, total: 1200, unit: 'TOKENS' } })
  expect(told?.costUsd).toBe(0.0045)
})

test('one payload has the same tokens and cost on both versions, and so have the zeros of a cache hit', async () => {
  const paid = { input: 0.002375, output: 0.002, total: 0.004375 }
  const usage = { input: 1000, output: 200, total: 1200, unit: 'TOKENS' }
  const costs = { inputCost: paid.input, outputCost: paid.output, totalCost: paid.total }
  const v2 = await storedOnV2({ usage: { ...usage, ...costs } })
  const v4 = await costOnV4({ input: 900, input_cached_tokens: 100, output: 200, total: 1200 }, paid)
  expect([v2?.tokens, v2?.costUsd]).toEqual([v4?.tokens, v4?.costUsd])
  const nothing = { input: 0, output: 0, total: 0 }
  const free = { inputCost: 0, outputCost: 0, totalCost: 0 }
  const hit = await storedOnV2({ usage: { ...nothing, unit: 'TOKENS', ...free }, input: 'a', output: 'b' })
  const hit4 = await costOnV4(nothing, nothing)
  expect([hit?.tokens, hit?.costUsd]).toEqual([nothing, 0])
  expect([hit4?.tokens, hit4?.costUsd]).toEqual([nothing, 0])
})
