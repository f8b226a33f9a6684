/** Rows of `days` days until now, made by the server: 24 agents of 6 teams, all cache states, some costs unknown. */
export const generate = (rows: number, days: number): string => `
  set synchronous_commit = off;
  -- One statement of millions of rows would keep them all for its triggers.
  alter table public.llm_usage disable trigger user;
  insert into public.llm_usage (
    request_id, at, agent, team, operation, path, stream, model_asked, model, route, cache, input_tokens,
    cached_input_tokens, output_tokens, reasoning_tokens, cost_usd, saved_usd, latency_ms, attempts, status, http_status,
    session, end_user, trace, tags
  )
  select
    gen_random_uuid()::text, now() - (n::double precision / ${rows}) * interval '${days} days',
    'agent-' || n % 24, 'team-' || n % 6,
    case when n % 50 = 0 then 'other' else 'chat' end, '/v1/chat/completions', n % 3 = 0, 'gpt-4o-mini',
    (array['gpt-4o-mini', 'gpt-4o', 'gpt-4.1-mini'])[1 + n % 3], 'default',
    (array['miss', 'miss', 'miss', 'miss', 'exact', 'exact', 'semantic', 'flight', 'stale', 'bypass'])[1 + n % 10],
    n % 4000, n % 700, n % 500, n % 50,
    case when n % 97 = 0 then null when n % 11 = 0 then 0.02 else round((random() * 0.02)::numeric, 9) end,
    case when n % 10 between 4 and 8 then round((random() * 0.01)::numeric, 9) end,
    (random() * 3000)::int, n % 3, case when n % 200 = 0 then 'refused' else 'ok' end, 200,
    'session-' || n % 100000, 'user-' || n % 5000, gen_random_uuid()::text, array['web', 'beta']
  from generate_series(1, ${rows}) as n;
  alter table public.llm_usage enable trigger user;
  select llm_parts.rebuild();
  analyze public.llm_usage, public.llm_usage_by_day, public.llm_usage_by_hour, public.llm_usage_by_minute;
`
