/** The questions of a dashboard, as docs/usage-in-supabase.md has them. */
export const TILES: Record<string, string> = {
  'cost by agent, 30 days': `
    select day, agent, cost_usd, unpriced from llm_daily_cost_by_agent
    where day >= current_date - 29 order by day, agent`,
  'tokens by hour, 7 days': `
    select hour, sum(input_tokens) as input, sum(cached_input_tokens) as of_it_cached, sum(output_tokens) as output
    from llm_token_usage where day >= current_date - 6 group by hour order by hour`,
  'hit rate by day, 30 days': `
    select day, sum(exact + semantic + flight + stale) / nullif(sum(asked), 0) as hit_rate, sum(saved_usd) as saved_usd
    from llm_cache_hit_rate where day >= current_date - 29 group by day order by day`,
  'top 10, 7 days':
    'select * from llm_top_requests where day >= current_date - 6 order by cost_usd desc limit 10',
  'top 10, all days': 'select * from llm_top_requests order by cost_usd desc limit 10',
  'quota by team, today': 'select * from llm_quota_usage_by_team order by team',
}

/** A node of EXPLAIN's JSON. */
export type Plan = {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Actual Rows'?: number
  'Actual Loops'?: number
  'Rows Removed by Filter'?: number
  Plans?: Plan[]
}

/** Every read of rows of calls in a plan, and not of sums: by what, and of how many rows. */
export function readsOfCalls(plan: Plan): { how: string; rows: number }[] {
  const inner = (plan.Plans ?? []).flatMap(readsOfCalls)
  const name = plan['Relation Name'] ?? ''
  if (!/^llm_usage(_before|_default|_\d{4}_\d\d)?$/.test(name)) return inner
  const loops = plan['Actual Loops'] ?? 0
  const rows = ((plan['Actual Rows'] ?? 0) + (plan['Rows Removed by Filter'] ?? 0)) * loops
  return [...inner, { how: plan['Node Type'], rows }]
}

/** What is wrong with a tile's plan, whatever the number of calls. */
export function problemsOf(plan: Plan, days: number): string[] {
  const reads = readsOfCalls(plan)
  const scans = reads.filter(({ how, rows }) => /Seq Scan|Bitmap/.test(how) && rows > 0)
  const rows = reads.reduce((sum, read) => sum + read.rows, 0)
  // Ten of each day, and one more of each to be compared with.
  const most = 20 * days
  return [
    ...scans.map(({ how, rows }) => `${how} of ${rows} calls`),
    ...(rows > most ? [`reads ${rows} calls, ${most} would do`] : []),
  ]
}

/** Summarises a plan: a line per node, with the relation and the number of rows. Partitions without rows are left out. */
export function outline(plan: Plan, depth = 1): string[] {
  const of = plan['Index Name'] ?? plan['Relation Name']
  const [rows = 0, loops = 0] = [plan['Actual Rows'], plan['Actual Loops']]
  if (of !== undefined && rows === 0) return []
  const times = loops === 1 ? '' : ` loops=${loops}`
  const line = `${'  '.repeat(depth)}${plan['Node Type']}${of === undefined ? '' : ` using ${of}`} (rows=${rows}${times})`
  return [line, ...(plan.Plans ?? []).flatMap((inner) => outline(inner, depth + 1))]
}
