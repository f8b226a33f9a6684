import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ensurePostgres, startPostgres } from '../../supabase/postgres.ts'

const BATCH = 500
const BATCHES = 40

/** Batches as the sink's upserts reach a table of months: 10 agents of a process, calls of the last minutes. */
const insert = (batch: number) => `
  insert into public.llm_usage (
    request_id, at, agent, team, operation, path, stream, model_asked, model, route, cache, input_tokens, output_tokens,
    cost_usd, latency_ms, attempts, status, http_status, session, end_user, trace, tags
  )
  select gen_random_uuid()::text, now() - n * interval '10 ms', 'agent-' || (n + ${batch * 7}) % 100, 'team-' || n % 4, 'chat',
    '/v1/chat/completions', false, 'gpt-4o-mini', 'gpt-4o-mini', 'default',
    case when n % 3 = 0 then 'exact' else 'miss' end, n, 100, 0.000097500, 900, 1, 'ok', 200, 'session-' || n, 'user-' || n,
    gen_random_uuid()::text, array['web']
  from generate_series(1, ${BATCH}) as n
  on conflict (request_id, at) do nothing;`

/** Measures what a partitioned llm_usage takes of such batches, with its sums, over one connection; and the size of a row. */
export async function measurePostgres(): Promise<void> {
  const place = ensurePostgres()
  if (place === undefined) return console.log('There is no Postgres server, and none can be installed here.')
  const postgres = startPostgres(place)
  try {
    const migrations = fileURLToPath(new URL('../../../packages/infra/supabase/migrations/', import.meta.url))
    await postgres.sql('create role service_role; create role anon; create role authenticated;')
    for (const file of readdirSync(migrations).toSorted())
      if (!file.includes('semantic')) await postgres.sql(readFileSync(`${migrations}${file}`, 'utf8'))
    await postgres.sql(insert(0))
    const began = performance.now()
    await postgres.sql(Array.from({ length: BATCHES }, (_, batch) => insert(batch + 1)).join('\n'))
    const rows = (BATCH * BATCHES * 1_000) / (performance.now() - began)
    const [size = ''] = await postgres.sql(`
      select sum(pg_total_relation_size(inhrelid)) / (select count(*) from public.llm_usage)
      from pg_inherits where inhparent = 'public.llm_usage'::regclass`)
    const [part = ''] = await postgres.sql('select distinct tableoid::regclass from public.llm_usage')
    console.log(
      `llm_usage in Postgres: ${rows.toFixed(0)} rows/s over one connection, in batches of ${BATCH}, with their sums; ` +
        `${Number(size).toFixed(0)} bytes a row with indexes; they are in ${part}`,
    )
  } finally {
    postgres.close()
  }
}
