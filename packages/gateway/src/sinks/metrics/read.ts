import type { IoredisClient, RedisClient } from '../../redis/connect.ts'
import { createRedisConnection } from '../../redis/connection.ts'
import { createScript } from '../../redis/script.ts'
import { type Counters, merge, namesOf, parseCounters } from './counters.ts'
import { type Histogram, quantile } from './histogram.ts'
import { keyOf, MS_OF } from './keys.ts'
import readSource from './read.lua'

export type MetricsQuery = {
  /** Start, as a date or in milliseconds since the epoch. Its whole minute is included. */
  from: Date | number
  /** End, exclusive. */
  to: Date | number
  /** Only this team's calls. */
  team?: string
  /** Only this agent's calls. */
  agent?: string
  /** Minutes are kept for `keepHours` (26), hours for 35 days. @default 'minute' */
  by?: 'minute' | 'hour'
}

/** Milliseconds, with a relative error of at most 4.8 %. Absent without calls. */
export type Quantiles = { p50: number; p95: number; p99: number }

/** Calls count in the minute in which they ended. Costs are in US dollars. */
export type MetricsTotals = {
  calls: number
  /** Calls that failed after all their attempts. */
  errors: number
  /** Calls whose caller cancelled. */
  aborted: number
  /** Calls that the gateway refused: all, and by refusal code. */
  refused: number
  refusals: Record<string, number>
  /** Calls by the team key that proved their team: by `keyId` of their records. Calls without a key are in none. */
  keys: Record<string, number>
  /** Calls answered without an upstream call of their own, by source: a cache, or another call in flight. */
  hits: Record<'exact' | 'semantic' | 'flight' | 'stale', number>
  /** Tokens billed by upstream. `input` includes `cachedInput`, `output` includes `reasoning`. */
  tokens: { input: number; cachedInput: number; output: number; reasoning: number }
  costUsd: number
  /** What the answers of cache hits would have cost. */
  savedUsd: number
  /** Part of `costUsd` spent on embeddings. */
  embeddingUsd: number
  /** Calls of unknown cost; no sum includes them. */
  unpriced: number
  /** Calls with estimated tokens. */
  estimated: number
  /** Calls that shared Redis did not fully serve. */
  degraded: number
  /** Requests sent to upstream, retries included. */
  upstream: number
  /** Of all calls except refused ones. */
  latency?: Quantiles
  /** Of calls that upstream answered. */
  upstreamLatency?: Quantiles
}

/** Start of the minute or hour, in milliseconds since the epoch. */
export type MetricsRow = MetricsTotals & { at: number; team: string; agent: string }

/** Sums of one agent over the whole time. */
export type AgentMetrics = MetricsTotals & { team: string; agent: string }

export type Metrics = { rows: MetricsRow[]; agents: AgentMetrics[]; summary: MetricsTotals }

/** Limit of one query: a week of minutes, or a year of hours. */
const MAX_SPANS = 10_000
const KEYS_AT_ONCE = 500
const DEADLINES = { deadlineMs: 5_000, connectMs: 5_000 }

const script = createScript(readSource, undefined)

/**
 * Reads what all gateways at this Redis have counted, by minute (or hour), team and agent, and the sums, by agent and
 * of all. One command reads up to 500 minutes. A client passed in stays open.
 *
 * @example
 * const { rows, summary } = await readMetrics(redisUrl, { from: Date.now() - 3_600_000, to: Date.now() })
 * @throws RangeError if `to` is before `from`, or more than 10,000 minutes or hours after it.
 * @throws if Redis cannot be reached.
 */
export async function readMetrics(redis: string | IoredisClient, query: MetricsQuery): Promise<Metrics> {
  const { team, agent, by = 'minute' } = query
  const rows: MetricsRow[] = []
  const all: Counters = new Map()
  const byAgent = new Map<string, { team: string; agent: string; counters: Counters }>()
  for (const { at, row, counters } of await fetchRows(redis, momentsOf(query), by)) {
    const names = namesOf(row)
    if (names === undefined || (team ?? names.team) !== names.team || (agent ?? names.agent) !== names.agent)
      continue
    rows.push({ at, ...names, ...totalsOf(counters) })
    merge(all, counters)
    const sums = byAgent.get(row) ?? { ...names, counters: new Map() }
    byAgent.set(row, sums)
    merge(sums.counters, counters)
  }
  const agents = [...byAgent.values()].map(({ team, agent, counters }) => ({
    team,
    agent,
    ...totalsOf(counters),
  }))
  return { rows, agents, summary: totalsOf(all) }
}

const msOf = (moment: Date | number): number => (typeof moment === 'number' ? moment : moment.getTime())

function momentsOf({ from, to, by = 'minute' }: MetricsQuery): number[] {
  const ms = MS_OF[by]
  const [since, until] = [msOf(from), msOf(to)]
  const [first, end] = [Math.floor(since / ms), Math.ceil(until / ms)]
  if (!(end - first >= 0 && end - first <= MAX_SPANS))
    throw new RangeError(`from ${since} to ${until} is not a time of up to ${MAX_SPANS} ${by}s`)
  return Array.from({ length: end - first }, (_, at) => (first + at) * ms)
}

type Found = { at: number; row: string; counters: Counters }

async function fetchRows(
  redis: string | IoredisClient,
  moments: number[],
  by: 'minute' | 'hour',
): Promise<Found[]> {
  const connection =
    typeof redis === 'string'
      ? createRedisConnection(redis, { ...DEADLINES, onChange: () => undefined })
      : undefined
  const found: Found[] = []
  try {
    for (let at = 0; at < moments.length; at += KEYS_AT_ONCE) {
      const some = moments.slice(at, at + KEYS_AT_ONCE)
      const ask = (client: RedisClient) =>
        script.run(
          client,
          some.map((moment) => keyOf(by, moment)),
          [],
        )
      const hashes = (await (connection ? connection.run(ask) : ask(redis as RedisClient))) as string[][]
      for (const [place, fields] of hashes.entries())
        for (let field = 0; field < fields.length; field += 2)
          found.push({
            at: some[place] ?? 0,
            row: fields[field] ?? '',
            counters: parseCounters(fields[field + 1] ?? ''),
          })
    }
  } finally {
    connection?.close()
  }
  return found
}

function totalsOf(sums: Counters): MetricsTotals {
  const of = (name: string) => sums.get(name) ?? 0
  const under = (prefix: string) =>
    [...sums].flatMap(([name, count]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), count] as const] : [],
    )
  const refusals = Object.fromEntries(under('refused.'))
  const asked = histogramOf(under('asked.'))
  const all = histogramOf(under('asked.'), under('spared.'))
  const latency = quantilesOf(all)
  const upstreamLatency = quantilesOf(asked)
  return {
    calls: of('calls'),
    errors: of('errors'),
    aborted: of('aborted'),
    refused: Object.values(refusals).reduce((sum, count) => sum + count, 0),
    refusals,
    keys: Object.fromEntries(under('key.')),
    hits: {
      exact: of('hits.exact'),
      semantic: of('hits.semantic'),
      flight: of('hits.flight'),
      stale: of('hits.stale'),
    },
    tokens: {
      input: of('input'),
      cachedInput: of('cached'),
      output: of('output'),
      reasoning: of('reasoning'),
    },
    costUsd: of('cost') / 1e9,
    savedUsd: of('saved') / 1e9,
    embeddingUsd: of('embedding') / 1e9,
    unpriced: of('unpriced'),
    estimated: of('estimated'),
    degraded: of('degraded'),
    upstream: of('upstream'),
    ...(latency ? { latency } : {}),
    ...(upstreamLatency ? { upstreamLatency } : {}),
  }
}

type Counted = readonly (readonly [string, number])[]

function histogramOf(...parts: Counted[]): Histogram {
  const histogram: Histogram = new Map()
  for (const [bucket, count] of parts.flat())
    histogram.set(Number(bucket), (histogram.get(Number(bucket)) ?? 0) + count)
  return histogram
}

function quantilesOf(histogram: Histogram): Quantiles | undefined {
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((part) => quantile(histogram, part))
  return p50 === undefined || p95 === undefined || p99 === undefined ? undefined : { p50, p95, p99 }
}
