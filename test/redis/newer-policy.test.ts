import type { GatewayClient, Policy } from '@hotdash/llm-gateway'
import { expect, onTestFinished, test } from 'vitest'
import { clientFor, modelsInPolicy } from '../money/schedule.ts'
import { type Plan, startBilling } from '../money/upstream.ts'
import type { Body } from '../money/work.ts'
import { type RedisServer, startRedis } from './server.ts'

const WHOLE: Plan = { fate: { type: 'whole' }, telling: 'true', zeal: 'most' }
const CAP = 1

async function ask(client: GatewayClient, path: string, body: Body): Promise<unknown> {
  try {
    await client.post(path, { body })
    return undefined
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}

async function stage() {
  const redis: RedisServer = await startRedis()
  onTestFinished(redis.close)
  const upstream = await startBilling(
    'default',
    () => 0,
    () => WHOLE,
  )
  onTestFinished(upstream.close)
  function client(policy: Policy) {
    const made = clientFor(
      upstream.baseURL,
      policy,
      { maxRetries: 0 },
      { redis: redis.url, livePolicy: false, metrics: false },
    )
    onTestFinished(async () => void (await made.gateway.close(1_000)))
    return made
  }
  return { redis, upstream, client }
}

const policy = (version: number, team: object, models: Policy['models'] = modelsInPolicy): Policy => ({
  version,
  defaultServiceTier: 'default',
  routing: { fallback: false },
  models,
  teams: { t: { agents: ['a'], ...team } },
})

const unpriced = { ...modelsInPolicy, 'house-model': { maxOutput: 100 } }

test.each<[string, Policy['models'], string, Body, string]>([
  [
    'of a model without a price',
    unpriced,
    '/chat/completions',
    { model: 'house-model', messages: [], max_tokens: 100 },
    'gateway_model_not_allowed',
  ],
  [
    'with a tool without a fee',
    modelsInPolicy,
    '/responses',
    { model: 'gpt-4o', input: 'q', max_output_tokens: 10, tools: [{ type: 'image_generation' }] },
    'gateway_cost_unbounded',
  ],
])('a budget that only a newer policy sets refuses calls %s', async (_, models, path, body, code) => {
  const { upstream, client } = await stage()
  const newer = client(policy(2, { usdPerDay: CAP, rpm: 1_000 }))
  const older = client(policy(1, { rpm: 1_000 }, models))
  const usual = { model: 'gpt-4o', messages: [{ role: 'user', content: 'q' }], max_tokens: 10 }
  expect(await ask(newer, '/chat/completions', usual)).toBeUndefined()
  const before = upstream.books.entries.length
  for (let at = 0; at < 3; at += 1) expect(await ask(older, path, body)).toBe(code)
  expect(upstream.books.entries).toHaveLength(before)
  // What it held is given back.
  await older.gateway.flush()
  expect(await ask(older, '/chat/completions', usual)).toBeUndefined()
})

test('a budget that only a newer policy sets bounds the calls of tools', async () => {
  const { upstream, client } = await stage()
  const newer = client(policy(2, { usdPerDay: CAP, rpm: 1_000 }))
  const older = client(policy(1, { rpm: 1_000 }))
  await ask(newer, '/chat/completions', { model: 'gpt-4o', messages: [], max_tokens: 10 })
  const search = { model: 'gpt-4o-mini', input: 'q', max_output_tokens: 10, tools: [{ type: 'web_search' }] }
  const codes = new Set<unknown>()
  for (let at = 0; at < 20; at += 1) {
    codes.add(await ask(older, '/responses', search))
    await older.gateway.flush()
  }
  for (const { body } of upstream.books.entries.slice(1)) expect(body.max_tool_calls).toBe(4)
  expect(codes).toContain('gateway_daily_usd_exceeded')
  expect(upstream.books.billed).toBeLessThanOrEqual(CAP * 1e9)
})

test('a client that was closed has no part of any limit', async () => {
  const { redis, upstream, client } = await stage()
  const team = { rpm: 30, usdPerDay: 100, onRedisUnavailable: { allowanceUsd: 50, allowance: 0.4 } }
  const closed = [client(policy(1, team)), client(policy(1, team)), client(policy(1, team))]
  const usual = { model: 'gpt-4o', messages: [{ role: 'user', content: 'q' }], max_tokens: 10 }
  for (const one of closed) {
    expect(await ask(one, '/chat/completions', usual)).toBeUndefined()
    await one.gateway.close(1_000)
  }
  for (const one of closed)
    for (let at = 0; at < 3; at += 1)
      expect(await ask(one, '/chat/completions', usual)).toBe('gateway_quota_unavailable')
  // Redis is there, and is not blamed.
  const told = closed[0]?.post('/chat/completions', { body: usual })
  await expect(told).rejects.toThrow(/^503 This client was closed/)
  expect(upstream.books.entries).toHaveLength(closed.length)
  expect(await redis.admin.exists('gw:{t}:quota')).toBe(1)
})
