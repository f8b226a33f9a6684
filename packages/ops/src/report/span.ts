import * as z from 'zod'

/** Whole numbers, and dollars in billionths; `numeric` of Postgres may have more digits than a float. */
const sum = z.number().nonnegative()
const count = z.int().nonnegative()
const optional = z.number().nonnegative().nullable()

const agentSums = z.object({
  team: z.string(),
  agent: z.string(),
  calls: count,
  errors: count,
  aborted: count,
  refused: count,
  asked: count,
  exact: count,
  semantic: count,
  flight: count,
  stale: count,
  cost: sum,
  unpriced: count,
  exact_saved: sum,
  semantic_saved: sum,
  flight_saved: sum,
  stale_saved: sum,
  own_calls: count,
  own_cost: sum,
  own_unpriced: count,
})

const modelSums = z.object({
  model: z.string(),
  route: z.string(),
  operation: z.string(),
  calls: count,
  cost: sum,
  unpriced: count,
  input: sum,
  cached_input: sum,
  output: sum,
  reasoning: sum,
  priced_cost: sum,
  priced_input: sum,
  priced_cached_input: sum,
  priced_output: sum,
})

const dearestCall = z.object({
  id: z.string(),
  at: z.number(),
  team: z.string(),
  agent: z.string(),
  operation: z.string(),
  model: z.string(),
  cost: sum,
  input: optional,
  output: optional,
  latency: optional,
  attempts: count,
  status: z.string(),
})

/** Answer of `llm_report_span`: see the migration for the meaning of each sum. */
export const spanSchema = z.object({
  agents: z.array(agentSums),
  latencies: z.array(
    z.object({ team: z.string(), agent: z.string(), counts: z.array(z.tuple([z.number(), count])) }),
  ),
  models: z.array(modelSums),
  refusals: z.array(z.object({ team: z.string(), code: z.string(), calls: count })),
  minutes: z.array(z.object({ team: z.string(), requests: sum, tokens: sum })),
  dearest: z.array(dearestCall),
})
export type Span = z.infer<typeof spanSchema>
export type ModelSums = Span['models'][number]
export type DearestCall = Span['dearest'][number]

/** Answer of `llm_report_cost`. `cost` is in billionths of a dollar. */
export const costSchema = z.object({ calls: count, cost: sum, unpriced: count })
export type SpanCost = z.infer<typeof costSchema>

const DEAREST = 10

/** Adds up the sums of several spans that do not overlap. */
export function addSpans(spans: readonly Span[]): Span {
  return {
    agents: sumBy(
      spans.flatMap(({ agents }) => agents),
      ({ team, agent }) => [team, agent],
    ),
    latencies: grouped(
      spans.flatMap(({ latencies }) => latencies),
      ({ team, agent }) => [team, agent],
    ).map(([first, ...more]) => ({
      ...first,
      counts: sumCounts([first, ...more].flatMap(({ counts }) => counts)),
    })),
    models: sumBy(
      spans.flatMap(({ models }) => models),
      ({ model, route, operation }) => [model, route, operation],
    ),
    refusals: sumBy(
      spans.flatMap(({ refusals }) => refusals),
      ({ team, code }) => [team, code],
    ),
    minutes: grouped(
      spans.flatMap(({ minutes }) => minutes),
      ({ team }) => [team],
    ).map(([first, ...more]) => ({
      team: first.team,
      requests: Math.max(first.requests, ...more.map(({ requests }) => requests)),
      tokens: Math.max(first.tokens, ...more.map(({ tokens }) => tokens)),
    })),
    dearest: spans
      .flatMap(({ dearest }) => dearest)
      .toSorted((one, other) => other.cost - one.cost || one.at - other.at || (one.id < other.id ? -1 : 1))
      .slice(0, DEAREST),
  }
}

/** Groups rows by names, which may hold any character. */
export function grouped<Row>(rows: readonly Row[], namesOf: (row: Row) => string[]): [Row, ...Row[]][] {
  const groups = new Map<string, [Row, ...Row[]]>()
  for (const row of rows) {
    const key = JSON.stringify(namesOf(row))
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [row])
    else group.push(row)
  }
  return [...groups.values()]
}

/** Adds up all numbers of the rows of each group. */
function sumBy<Row extends Record<string, string | number>>(
  rows: readonly Row[],
  namesOf: (row: Row) => string[],
): Row[] {
  return grouped(rows, namesOf).map(([first, ...more]) => {
    const total: Record<string, string | number> = { ...first }
    for (const row of more)
      for (const [name, value] of Object.entries(row))
        if (typeof value === 'number') total[name] = Number(total[name]) + value
    return total as Row
  })
}

export type Counts = [value: number, calls: number][]

export function sumCounts(counts: Counts): Counts {
  const sums = new Map<number, number>()
  for (const [value, calls] of counts) sums.set(value, (sums.get(value) ?? 0) + calls)
  return [...sums]
}

/** Returns the smallest value that at least `share` of the calls do not exceed; `undefined` without calls. */
export function quantile(counts: Counts, share: number): number | undefined {
  const all = counts.reduce((sum, [, calls]) => sum + calls, 0)
  let left = Math.max(1, Math.ceil(share * all))
  for (const [value, calls] of counts.toSorted(([one], [other]) => one - other)) {
    left -= calls
    if (left <= 0) return value
  }
  return undefined
}
