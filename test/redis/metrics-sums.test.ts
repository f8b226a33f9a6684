import type { CallRecord } from '@hotdash/llm-gateway'
import { readMetrics } from '@hotdash/llm-gateway/metrics'
import fc from 'fast-check'
import type { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { runs } from '../runs.ts'
import { expected, linkTo, recordsFrom, server, sinkAt, write } from './metrics-kit.ts'

const { now, DAY, record, report } = recordsFrom(Date.now())

const money = fc.integer({ min: 0, max: 5_000_000_000 }).map((nano) => nano / 1e9)
const calls: fc.Arbitrary<CallRecord> = fc
  .record({
    at: fc.integer({ min: now - 24 * 3_600_000, max: now - 60_000 }),
    agent: fc.constantFrom('support', 'seo', 'ads', 'ceo-insights'),
    team: fc.constantFrom('prod_customer', 'prod_background'),
    operation: fc.constantFrom('chat' as const, 'embeddings' as const, 'other' as const),
    cache: fc.constantFrom('miss', 'exact', 'semantic', 'flight', 'stale', 'bypass' as const),
    status: fc.constantFrom('ok', 'refused', 'aborted', 'failed' as const),
    error: fc.constantFrom(
      'gateway_rpm_exceeded',
      'gateway_queue_full',
      'TypeError: fetch failed ECONNREFUSED',
    ),
    costUsd: money,
    savedUsd: money,
    latencyMs: fc.double({ min: 0.01, max: 50_000, noNaN: true }),
    input: fc.nat(100_000),
    output: fc.nat(16_000),
    estimated: fc.boolean(),
    priced: fc.boolean(),
  })
  .map(({ input, output, priced, costUsd, ...rest }) => {
    const usage = {
      input,
      cachedInput: input >> 1,
      audioInput: 0,
      output,
      reasoning: output >> 2,
      audioOutput: 0,
    }
    const { costUsd: _, ...whole } = record({ ...rest, usage })
    return priced ? { ...whole, costUsd } : whole
  })

describe('sums', () => {
  test('a sum that whole numbers cannot hold ends at the largest, in a process, in Redis and in what is read', async () => {
    const redis = await server()
    const sink = sinkAt(linkTo(redis.url))
    const most = Number.MAX_SAFE_INTEGER / 1e9
    const costUsd = 4_000_000
    await write(sink, [report({ costUsd })])
    const sum = async () => (await readMetrics(redis.admin as Redis, DAY)).summary.costUsd
    expect(await sum()).toBe(costUsd)
    await write(sink, [
      report({ costUsd, agent: 'seo' }),
      report({ costUsd, agent: 'seo' }),
      report({ costUsd, agent: 'seo' }),
    ])
    expect(await sum()).toBe(most)
    await write(sink, [report({ costUsd })])
    await write(sink, [report({ costUsd: 1e30 })])
    const { rows } = await readMetrics(redis.admin as Redis, DAY)
    expect(rows.map((row) => row.costUsd)).toEqual([most, most])
  })

  test('over any day and any number of processes, sums are exactly those of the records', async () => {
    const redis = await server()
    const links = [0, 1, 2].map(() => linkTo(redis.url))
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(calls, { maxLength: 60 }), { minLength: 1, maxLength: 6 }),
        async (batches) => {
          await redis.admin.flushall()
          const sinks = links.map((link) => sinkAt(link))
          await Promise.all(
            sinks.map(async (sink, member) => {
              for (const batch of batches.filter((_, at) => at % sinks.length === member))
                if (batch.length > 0)
                  await write(
                    sink,
                    batch.map((record) => ({ record, parameters: {} })),
                  )
            }),
          )
          const records = batches.flat()
          const { rows, summary } = await readMetrics(redis.admin as Redis, DAY)
          expect(summary).toMatchObject(expected(records))
          for (const row of rows) {
            const own = records.filter(
              ({ team, agent, startedAt: at, latencyMs }) =>
                team === row.team &&
                agent === row.agent &&
                Math.floor((at + latencyMs) / 60_000) * 60_000 === row.at,
            )
            expect(row).toMatchObject(expected(own))
          }
          const hours = await readMetrics(redis.admin as Redis, { ...DAY, by: 'hour' })
          expect(hours.summary).toEqual(summary)
          const one = await readMetrics(redis.admin as Redis, {
            ...DAY,
            team: 'prod_background',
            agent: 'seo',
          })
          expect(one.summary).toMatchObject(
            expected(records.filter(({ team, agent }) => team === 'prod_background' && agent === 'seo')),
          )
        },
      ),
      { numRuns: runs(25) },
    )
  })

  test('latency of hits and of upstream are told apart, refusals have none', async () => {
    const redis = await server()
    await write(sinkAt(linkTo(redis.url)), [
      ...Array.from({ length: 98 }, () => report({ cache: 'exact', latencyMs: 1 })),
      report({ latencyMs: 1_000 }),
      report({ latencyMs: 2_000 }),
      ...Array.from({ length: 500 }, () =>
        report({ status: 'refused', error: 'gateway_rpm_exceeded', latencyMs: 0.1 }),
      ),
    ])
    const { latency, upstreamLatency } = (await readMetrics(redis.url, DAY)).summary
    for (const [told, truth] of [
      [latency?.p50, 1],
      [latency?.p99, 1_000],
      [upstreamLatency?.p50, 1_000],
      [upstreamLatency?.p99, 2_000],
    ] as const)
      expect(Math.abs((told ?? 0) - truth) / truth).toBeLessThan(0.048)
  })
})
