import type { CallRecord } from '@hotdash/llm-gateway'
import type { Sink } from '@hotdash/llm-gateway/sinks'
import { createRedisConnection, type RedisConnection } from '#src/redis/connection.ts'
import { createMetricsSink } from '#src/sinks/metrics/sink.ts'
import type { Report } from '#src/sinks/sink.ts'
import { opened } from '../closing.ts'
import { type RedisServer, startRedis } from './server.ts'

export const server = async (args?: string[]): Promise<RedisServer> => opened(await startRedis(args))
export const linkTo = (url: string, deadlineMs = 2_000) =>
  opened(createRedisConnection(url, { deadlineMs, connectMs: 2_000, onChange: () => undefined }))
export const sinkAt = (link: RedisConnection, keepHours = 26) =>
  createMetricsSink(link, { flushSeconds: 5, keepHours, keyLocking: false })
const signal = new AbortController().signal

/** Records of the last day, as seen when a test file begins. */
export function recordsFrom(now: number) {
  const record = (some: Partial<CallRecord> = {}): CallRecord => ({
    id: crypto.randomUUID(),
    startedAt: now - 60_000,
    agent: 'support',
    team: 'prod_customer',
    tags: [],
    operation: 'chat',
    path: '/v1/chat/completions',
    stream: false,
    model: 'gpt-4o-mini',
    route: 'default',
    cache: 'miss',
    usage: { input: 100, cachedInput: 20, audioInput: 0, output: 50, reasoning: 10, audioOutput: 0 },
    estimated: false,
    costUsd: 0.000042,
    savedUsd: 0,
    latencyMs: 800,
    attempts: [{ model: 'gpt-4o-mini', status: 200, latencyMs: 700 }],
    status: 'ok',
    ...some,
  })
  const report = (some?: Partial<CallRecord>): Report => ({ record: record(some), parameters: {} })
  return { now, DAY: { from: now - 25 * 3_600_000, to: now + 60_000 }, record, report }
}

export const write = (sink: Sink, reports: Report[]) => sink.deliver(reports, signal)
const nano = (usd: number) => Math.round(usd * 1e9)

const sumOf = (records: CallRecord[], of: (record: CallRecord) => number) =>
  records.reduce((sum, record) => sum + of(record), 0)
const isHit = ({ cache }: CallRecord) => cache !== 'miss' && cache !== 'bypass'

/** What Redis should say, reckoned from the records and nothing else. */
export function expected(records: CallRecord[]) {
  const count = (holds: (record: CallRecord) => boolean) => records.filter(holds).length
  const asked = records.filter((record) => !isHit(record))
  const refusals = records
    .filter(({ status }) => status === 'refused')
    .map(({ error = '' }) => (/^\w+$/.test(error) ? error : 'other'))
  return {
    calls: records.length,
    errors: count(({ status }) => status === 'failed'),
    aborted: count(({ status }) => status === 'aborted'),
    refused: refusals.length,
    refusals: Object.fromEntries(
      [...new Set(refusals)].map((code) => [code, refusals.filter((each) => each === code).length]),
    ),
    hits: Object.fromEntries(
      (['exact', 'semantic', 'flight', 'stale'] as const).map((kind) => [
        kind,
        count(({ cache }) => cache === kind),
      ]),
    ),
    tokens: {
      input: sumOf(asked, ({ usage }) => usage?.input ?? 0),
      cachedInput: sumOf(asked, ({ usage }) => usage?.cachedInput ?? 0),
      output: sumOf(asked, ({ usage }) => usage?.output ?? 0),
      reasoning: sumOf(asked, ({ usage }) => usage?.reasoning ?? 0),
    },
    costUsd: sumOf(records, ({ costUsd = 0 }) => nano(costUsd)) / 1e9,
    savedUsd: sumOf(records, ({ savedUsd = 0 }) => nano(savedUsd)) / 1e9,
    embeddingUsd:
      sumOf(records, ({ operation, costUsd = 0 }) => (operation === 'embeddings' ? nano(costUsd) : 0)) / 1e9,
    unpriced: count(({ costUsd }) => costUsd === undefined),
    estimated: count(({ estimated }) => estimated),
    degraded: 0,
    upstream: sumOf(records, ({ attempts }) => attempts.length),
  }
}
