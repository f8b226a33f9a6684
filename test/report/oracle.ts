import type { Row } from './rows.ts'

const HITS = ['exact', 'semantic', 'flight', 'stale'] as const
const LIMITS = [
  'gateway_rpm_exceeded',
  'gateway_tpm_exceeded',
  'gateway_daily_usd_exceeded',
  'gateway_queue_full',
]

const isOwn = ({ tags }: Row) => tags.includes('gateway:semantic')
const isHit = ({ cache, operation }: Row) => operation !== 'other' && HITS.some((name) => name === cache)
const sum = (rows: readonly Row[], of: (row: Row) => number | null) =>
  rows.reduce((total, row) => total + (of(row) ?? 0), 0)
const usd = (billionths: number) => billionths / 1e9

/** The local date of a row, by another way than the report's. */
export const dateOf = (at: number, timeZone: string): string =>
  new Date(at).toLocaleDateString('sv-SE', { timeZone })

/** Keeps three digits of milliseconds, of values of a second and more. */
const threeDigits = (ms: number) => {
  const step = ms < 1_000 ? 1 : ms < 10_000 ? 10 : ms < 100_000 ? 100 : 1_000
  return ms - (ms % step)
}

function quantile(values: number[], share: number): number | undefined {
  const sorted = values.toSorted((one, other) => one - other)
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
  return value === undefined ? undefined : threeDigits(value)
}

/** Totals of rows, one by one. */
export function totals(rows: readonly Row[]) {
  const calls = rows.filter((row) => !isOwn(row))
  const own = rows.filter(isOwn)
  const governed = calls.filter(({ operation }) => operation !== 'other')
  const asked = governed.filter(({ cache }) => cache !== 'bypass')
  const perHit = (of: (name: (typeof HITS)[number]) => number) => ({
    exact: of('exact'),
    semantic: of('semantic'),
    flight: of('flight'),
    stale: of('stale'),
  })
  const hits = perHit((name) => governed.filter(({ cache }) => cache === name).length)
  const all = Object.values(hits).reduce((total, count) => total + count, 0)
  const failed = calls.filter(({ status }) => status === 'failed').length
  const latencies = calls.flatMap(({ status, latency_ms: ms }) =>
    status === 'refused' || ms === null ? [] : [ms],
  )
  const [p50Ms, p95Ms] = [quantile(latencies, 0.5), quantile(latencies, 0.95)]
  return {
    calls: calls.length,
    errors: failed,
    aborted: calls.filter(({ status }) => status === 'aborted').length,
    refused: calls.filter(({ status }) => status === 'refused').length,
    asked: asked.length,
    hits,
    costUsd: usd(sum(rows, ({ cost }) => cost)),
    unpriced: rows.filter(({ cost }) => cost === null).length,
    savedUsd: perHit((name) =>
      usd(
        sum(
          calls.filter(({ cache }) => cache === name),
          ({ saved }) => saved,
        ),
      ),
    ),
    ownCalls: own.length,
    ownUsd: usd(sum(own, ({ cost }) => cost)),
    ownUnpriced: own.filter(({ cost }) => cost === null).length,
    ...(asked.length > 0 && { hitRate: all / asked.length }),
    ...(calls.length > 0 && { errorRate: failed / calls.length }),
    ...(p50Ms !== undefined && { p50Ms }),
    ...(p95Ms !== undefined && { p95Ms }),
  }
}

/** Tokens by model, of governed calls that upstream answered. */
export function models(rows: readonly Row[]) {
  const asked = rows.filter((row) => row.operation !== 'other' && !isHit(row))
  return [...new Set(asked.map(({ model }) => model))].toSorted().map((model) => {
    const own = asked.filter((row) => row.model === model)
    return {
      model,
      calls: own.length,
      costUsd: usd(sum(own, ({ cost }) => cost)),
      unpriced: own.filter(({ cost }) => cost === null).length,
      input: sum(own, (row) => row.input_tokens),
      cachedInput: sum(own, (row) => row.cached_input_tokens),
      output: sum(own, (row) => row.output_tokens),
      reasoning: sum(own, (row) => row.reasoning_tokens),
    }
  })
}

/** What routed calls would have cost at gpt-4o, beyond what they cost. Prices are HotDash's, in dollars per million. */
export function routingUsd(rows: readonly Row[]): number {
  const routed = rows.filter(
    (row) =>
      !isOwn(row) &&
      ['chat', 'responses'].includes(row.operation) &&
      !isHit(row) &&
      ['default', 'escalated'].includes(row.route) &&
      (row.cost ?? 0) > 0 &&
      row.input_tokens !== null &&
      row.output_tokens !== null &&
      row.input_tokens + row.output_tokens > 0,
  )
  return routed.reduce((total, row) => {
    const [input, cached, output] = [
      row.input_tokens ?? 0,
      row.cached_input_tokens ?? 0,
      row.output_tokens ?? 0,
    ]
    return total + ((input - cached) * 2.5 + cached * 1.25 + output * 10) / 1e6 - usd(row.cost ?? 0)
  }, 0)
}

/** Refusals by a limit, days above the cap, and the busiest minute of a team. */
export function quota(rows: readonly Row[], team: string, timeZone: string, capUsd: number) {
  const own = rows.filter((row) => row.team === team)
  const days = new Map<string, number>()
  for (const row of own) {
    const date = dateOf(row.at, timeZone)
    days.set(date, (days.get(date) ?? 0) + (row.cost ?? 0))
  }
  const minutes = new Map<number, Row[]>()
  for (const row of own.filter(({ operation }) => operation !== 'other')) {
    const minute = Math.floor(row.at / 60_000)
    minutes.set(minute, [...(minutes.get(minute) ?? []), row])
  }
  const most = (of: (rows: Row[]) => number) => Math.max(0, ...[...minutes.values()].map(of))
  return {
    costUsd: usd(sum(own, ({ cost }) => cost)),
    daysOverCap: [...days].flatMap(([date, cost]) => (usd(cost) > capUsd ? [date] : [])).toSorted(),
    busiestRequests: most((rows) => sum(rows, ({ attempts }) => attempts)),
    busiestTokens: most((rows) =>
      sum(rows, ({ attempts, input_tokens: input, output_tokens: output }) =>
        attempts === 0 || input === null || output === null ? 0 : input + output,
      ),
    ),
    refusals: own.filter((row) => row.status === 'refused' && !isOwn(row) && LIMITS.includes(row.error ?? ''))
      .length,
  }
}

/** Ids of the ten dearest calls, dearest first. */
export const dearest = (rows: readonly Row[]): string[] =>
  rows
    .filter(({ cost }) => (cost ?? 0) > 0)
    .toSorted(
      (one, other) =>
        (other.cost ?? 0) - (one.cost ?? 0) ||
        one.at - other.at ||
        (one.request_id < other.request_id ? -1 : 1),
    )
    .slice(0, 10)
    .map(({ request_id: id }) => id)
