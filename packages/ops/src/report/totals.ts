import { type Counts, quantile, type Span, sumCounts } from './span.ts'

/** Where an answer came from that cost no call of its own. */
export type Hits = { exact: number; semantic: number; flight: number; stale: number }

/** Sums of calls. Money is in US dollars. A figure that no call gives is absent: unknown is not 0. */
export type Totals = {
  /** Calls of agents. Those that the semantic cache makes for itself count in `costUsd` and `ownCalls` only. */
  calls: number
  errors: number
  aborted: number
  refused: number
  /** Calls that looked in a cache. */
  asked: number
  hits: Hits
  costUsd: number
  /** Calls of unknown cost, which no sum includes. */
  unpriced: number
  savedUsd: Hits
  /** Calls, cost and calls of unknown cost of the semantic cache itself. */
  ownCalls: number
  ownUsd: number
  ownUnpriced: number
  /** Shares from 0 to 1. */
  hitRate?: number
  errorRate?: number
  /** Of calls that were not refused. */
  p50Ms?: number
  p95Ms?: number
}

const NANO = 1e9

/** Converts billionths of a dollar to dollars. */
export const usd = (billionths: number): number => billionths / NANO

export const sumHits = ({ exact, semantic, flight, stale }: Hits): number => exact + semantic + flight + stale

/** Returns the totals of a span, or of those of its agents that `includes` names. */
export function totalsOf(
  span: Span,
  includes: (row: { team: string; agent: string }) => boolean = () => true,
): Totals {
  const rows = span.agents.filter(includes)
  const sum = (name: Exclude<keyof (typeof rows)[number], 'team' | 'agent'>) =>
    rows.reduce((total, row) => total + row[name], 0)
  const [calls, errors, asked] = [sum('calls'), sum('errors'), sum('asked')]
  const hits = { exact: sum('exact'), semantic: sum('semantic'), flight: sum('flight'), stale: sum('stale') }
  const counts = sumCounts(span.latencies.filter(includes).flatMap((row) => row.counts))
  return {
    calls,
    errors,
    aborted: sum('aborted'),
    refused: sum('refused'),
    asked,
    hits,
    costUsd: usd(sum('cost')),
    unpriced: sum('unpriced'),
    savedUsd: {
      exact: usd(sum('exact_saved')),
      semantic: usd(sum('semantic_saved')),
      flight: usd(sum('flight_saved')),
      stale: usd(sum('stale_saved')),
    },
    ownCalls: sum('own_calls'),
    ownUsd: usd(sum('own_cost')),
    ownUnpriced: sum('own_unpriced'),
    ...(asked > 0 && { hitRate: sumHits(hits) / asked }),
    ...(calls > 0 && { errorRate: errors / calls }),
    ...latencies(counts),
  }
}

function latencies(counts: Counts): Pick<Totals, 'p50Ms' | 'p95Ms'> {
  const [p50Ms, p95Ms] = [quantile(counts, 0.5), quantile(counts, 0.95)]
  return { ...(p50Ms !== undefined && { p50Ms }), ...(p95Ms !== undefined && { p95Ms }) }
}
