import { createGatewayClient } from '@hotdash/llm-gateway'
import { readMetrics } from '@hotdash/llm-gateway/metrics'
import { describe, expect, test } from 'vitest'
import { allowLog } from '../console.ts'
import { ask, setup, until } from '../support.ts'
import { expected, server } from './metrics-kit.ts'

const now = Date.now()

describe('in a gateway', () => {
  test('calls of several clients add up, and one can be switched off', async () => {
    const redis = await server()
    const clients = await Promise.all(
      [{}, { agent: 'seo' }, { metrics: false as const }].map((gateway) =>
        setup({ redis: redis.url, ...gateway }),
      ),
    )
    for (const { client } of clients) {
      await client.chat.completions.create(ask('one'))
      await client.chat.completions.create(ask('one'))
      await client.embeddings.create({ model: 'text-embedding-3-large', input: 'a text' })
      expect(await client.gateway.flush()).toBe(true)
    }
    // They keep their own rhythm, which flush() leaves alone.
    await Promise.all(clients.map(({ client }) => client.gateway.close()))
    const records = clients.slice(0, 2).flatMap(({ records }) => records)
    const { summary } = await readMetrics(redis.url, { from: now - 60_000, to: Date.now() + 60_000 })
    expect(summary).toMatchObject(expected(records))
    expect(summary.embeddingUsd).toBeGreaterThan(0)
    expect(clients[0]?.client.gateway.stats().sinks?.metrics).toMatchObject({ delivered: 3, queued: 0 })
    expect(clients[2]?.client.gateway.stats().sinks).toBeUndefined()
  })

  test('while Redis is away calls are kept, as many as fit, and the rest is counted as dropped', async () => {
    allowLog('GW_REDIS_BACK', 'GW_REDIS_UNAVAILABLE', 'GW_SINK_BACK', 'GW_SINK_DOWN', 'GW_SINK_DROPPED')
    const redis = await server()
    const { client } = await setup({
      redis: redis.url,
      // All that is left of its minute is this process's own.
      quota: { processes: 1 },
      metrics: { flushSeconds: 0.05 },
      queue: { maxReports: 20 },
    })
    await client.chat.completions.create(ask('first'))
    await until(() => client.gateway.stats().sinks?.metrics?.delivered === 1, 'the first is counted')
    await redis.kill()
    for (let call = 0; call < 30; call += 1) await client.chat.completions.create(ask(`call ${call}`))
    const away = client.gateway.stats().sinks?.metrics
    expect(away?.dropped).toBeGreaterThan(0)
    expect((away?.queued ?? 0) + (away?.dropped ?? 0)).toBe(30)
    await redis.restart()
    await until(() => client.gateway.stats().sinks?.metrics?.queued === 0, 'they are delivered')
    const { summary } = await readMetrics(redis.url, { from: now - 60_000, to: Date.now() + 60_000 })
    // The write that Redis never confirmed is repeated whole, whatever has been given up of it since.
    expect(summary.calls).toBeGreaterThanOrEqual(30 - (away?.dropped ?? 0))
    expect(summary.calls).toBeLessThanOrEqual(30)
    await client.gateway.close()
  })

  test('options that make no sense are refused', () => {
    const client = (metrics: object) => () => createGatewayClient({ apiKey: 'k', gateway: { metrics } })
    expect(client({ flushSeconds: 0 })).toThrow(/metrics/)
    expect(client({ keepHours: 1e6 })).toThrow(/metrics/)
    expect(client({ every: 5 })).toThrow(/metrics/)
  })

  test('an invalid span of time is refused', async () => {
    await expect(readMetrics('redis://127.0.0.1:1', { from: now, to: now - 1e6 })).rejects.toThrow(RangeError)
    await expect(readMetrics('redis://127.0.0.1:1', { from: Number.NaN, to: now })).rejects.toThrow(
      RangeError,
    )
    await expect(readMetrics('redis://127.0.0.1:1', { from: 0, to: now })).rejects.toThrow(RangeError)
  })
})
