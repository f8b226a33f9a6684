import type { CallRecord, GatewayOptions } from '@hotdash/llm-gateway'
import type { FakeOpenAIOptions } from '@hotdash/llm-gateway-testing'
import { expect } from 'vitest'
import { type Setup, setup } from '../support.ts'
import { committed, nano, policy } from './kit.ts'

export const USAGE = { input: 1_000, cached: 200, output: 300, reasoning: 100 }
export const question = (content: string, model = 'gpt-4o-mini') => ({
  model,
  messages: [{ role: 'user' as const, content }],
  max_tokens: 4_000,
})

export const world = (gateway: GatewayOptions = {}, fake: FakeOpenAIOptions = {}) =>
  setup({ agent: 'ann', policy, ...gateway }, { logLevel: 'off' }, { tokens: 'exact', ...fake })

/** Whatever tells of money tells the same. Returns the record of the first call. */
export async function agreeOn(
  { client, upstream, records }: Setup,
  expected: number,
  doubt = 0,
): Promise<CallRecord> {
  await client.gateway.flush()
  const record = records[0] as CallRecord
  expect(records.map(({ costUsd }) => nano(costUsd)).reduce((sum, cost) => sum + cost, 0)).toBe(expected)
  expect(nano(client.gateway.stats().costUsd)).toBe(expected)
  const own = records.length
  expect(await committed(client, upstream, 'one')).toBe(expected + doubt)
  await client.gateway.flush()
  records.splice(own)
  return record
}

export async function drain(stream: AsyncIterable<unknown>) {
  for await (const _ of stream);
}
