import type { GatewayOptions } from '@hotdash/llm-gateway'
import OpenAI, { type APIError } from 'openai'
import { afterEach, expect, test, vi } from 'vitest'
import { allowLog } from '../console.ts'
import { ask, setup, until } from '../support.ts'
import { startRedis } from './server.ts'

const open: (() => unknown)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function redis() {
  const server = await startRedis()
  open.push(server.close)
  return server
}

const models = { 'gpt-4o-mini': { input: 0.15, output: 0.6, maxOutput: 100 } }

async function client(limits: object, gateway: GatewayOptions) {
  const policy = { models, teams: { t: { agents: ['support'], ...limits } } }
  // Tests share a machine: patience belongs to them, not to what they test.
  const it = await setup({ deadlines: { redisMs: 2_000 }, ...gateway, policy })
  open.push(() => it.client.gateway.close(100))
  return it
}

test('two programs at one Redis share a limit; the answer tells what is left in the names of OpenAI', async () => {
  const { url } = await redis()
  const [a, b] = [
    await client({ rpm: 3, tpm: 5_000 }, { redis: url }),
    await client({ rpm: 3, tpm: 5_000 }, { redis: url }),
  ]
  await a.client.chat.completions.create(ask('1'))
  await a.client.gateway.flush()
  const { response } = await b.client.chat.completions.create({ ...ask('2'), max_tokens: 50 }).withResponse()
  const left = (kind: string) =>
    ['limit', 'remaining', 'reset'].map((what) => response.headers.get(`x-ratelimit-${what}-${kind}`))
  expect(left('requests')).toEqual(['3', '1', '1m0.25s'])
  expect(left('tokens')).toEqual(['5000', expect.stringMatching(/^4\d\d\d$/), '1m0.25s'])
  await b.client.chat.completions.create(ask('3'))
  const error = await a.client.chat.completions.create(ask('4')).catch((error: APIError) => error)
  expect(error).toBeInstanceOf(OpenAI.RateLimitError)
  const headers = (error as APIError).headers
  expect(headers?.get('x-ratelimit-remaining-requests')).toBe('0')
  expect(headers?.get('x-ratelimit-reset-requests')).toMatch(/^(1m[\d.]+s|[\d.]+s)$/)
  expect(Number(headers?.get('retry-after'))).toBeGreaterThan(30)
  expect(a.client.gateway.stats().quota).toMatchObject({ mode: 'shared', decided: 2, alone: 0 })
})

test('without Redis the headers are there as well, streams included, and a cached answer has none', async () => {
  const { client: it } = await client({ rpm: 3 }, { redis: false })
  const { response } = await it.chat.completions.create({ ...ask('1'), stream: true }).withResponse()
  expect(response.headers.get('x-ratelimit-remaining-requests')).toBe('2')
  // Of tokens, the team has no limit. Upstream's would be of another account than the limit of requests.
  const names = [...response.headers.keys()].filter((name) => name.startsWith('x-ratelimit'))
  expect(names).toEqual(['limit', 'remaining', 'reset'].map((what) => `x-ratelimit-${what}-requests`))
  await response.text()
  await it.gateway.flush()
  const hit = await it.chat.completions.create({ ...ask('1'), stream: true }).asResponse()
  expect(hit.headers.get('x-gateway-cache')).toBe('exact')
  expect(hit.headers.get('x-ratelimit-remaining-requests')).toBeNull()
  expect(it.gateway.stats()).not.toHaveProperty('quota')
})

test('a team whose only limit is of dollars sees the limits of upstream, all of them', async () => {
  const { client: it } = await client({ usdPerDay: 5 }, { redis: false })
  const { response } = await it.chat.completions.create(ask('1')).withResponse()
  expect(response.headers.get('x-ratelimit-limit-tokens')).toBe('2000000')
  expect(response.headers.get('x-ratelimit-limit-requests')).not.toBeNull()
})

test('Redis dies: calls go on by this process alone, one line says so, and it is over by itself', async () => {
  allowLog('GW_REDIS_BACK')
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  open.push(() => warn.mockRestore())
  const server = await redis()
  const { client: it } = await client(
    { rpm: 100, usdPerDay: 1 },
    { redis: server.url, quota: { processes: 1 } },
  )
  await it.chat.completions.create(ask('before'))
  await it.gateway.flush()
  await server.kill()
  for (let at = 0; at < 5; at += 1) {
    const { response } = await it.chat.completions.create(ask(`away ${at}`)).withResponse()
    expect(response.headers.get('x-ratelimit-limit-requests')).toBe('99')
  }
  await until(() => it.gateway.stats().quota?.queued === 10, 'settlements are kept')
  expect(it.gateway.stats().quota).toMatchObject({ mode: 'local', alone: 5 })
  const lines = warn.mock.calls.map(([line]) => String(line)).filter((line) => line.includes('Redis is down'))
  expect(lines).toHaveLength(1)
  await server.restart()
  await until(() => it.gateway.stats().quota?.queued === 0, 'hand-back')
  await expect
    .poll(async () => {
      await it.chat.completions.create(ask(`back ${Math.random()}`))
      return it.gateway.stats().quota?.mode
    })
    .toBe('shared')
  expect(await it.gateway.flush()).toBe(true)
})

test('Redis dies and the policy refuses: a 503 with our code, after one request', async () => {
  allowLog('GW_REDIS_UNAVAILABLE', 'GW_SINK_DROPPED')
  const server = await redis()
  const { client: it, upstream } = await client(
    { rpm: 100, onRedisUnavailable: 'reject' },
    { redis: server.url },
  )
  await it.chat.completions.create(ask('before'))
  await server.kill()
  const error = await it.chat.completions.create(ask('away')).catch((error: APIError) => error)
  expect(error).toMatchObject({ status: 503, code: 'gateway_quota_unavailable' })
  expect((error as APIError).headers?.get('retry-after')).toBe('1')
  expect(upstream.count()).toBe(1)
  expect(it.gateway.stats().quota).toMatchObject({ mode: 'reject', unavailable: 1 })
})

test('a program that ends after flush leaves no hold behind', async () => {
  const server = await redis()
  const { client: it } = await client({ usdPerDay: 1 }, { redis: server.url })
  await Promise.all(Array.from({ length: 20 }, (_, at) => it.chat.completions.create(ask(`${at}`))))
  expect(await it.gateway.close()).toBe(true)
  const other = await client({ usdPerDay: 1 }, { redis: server.url })
  await other.client.chat.completions.create(ask('x'))
  await other.client.gateway.flush()
  const spent = await server.admin.hget('gw:{t}:quota', 'spent')
  expect(Number(spent)).toBe(
    Math.round((it.gateway.stats().costUsd + other.client.gateway.stats().costUsd) * 1e9),
  )
  expect(await server.admin.hget('gw:{t}:quota', 'doubt')).toBe('0')
})
