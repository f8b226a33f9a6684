/** Returns SQL that adds 2,000 calls from 16 November to 1 December 2026: all caches, failures, refusals, unknown costs. */
export const usualWeek = (): string => `
  insert into llm_team_limits (version, team, rpm, tpm, usd_per_day, timezone) values
    (1, 'prod_customer', 100, 200000, 50, 'America/Chicago'), (1, 'prod_ceo', 60, 120000, 25, 'America/Chicago'),
    (1, 'prod_background', 30, 60000, 10, 'America/Chicago'), (1, 'admin', 200, 500000, 100, 'America/Chicago')
    on conflict do nothing;
  insert into llm_usage (request_id, at, agent, team, operation, path, model, route, cache, input_tokens, cached_input_tokens,
    output_tokens, reasoning_tokens, cost_usd, saved_usd, latency_ms, attempts, status, error, tags)
  select
    'call-' || n, timestamptz '2026-11-16T06:00:00Z' + n * interval '648 seconds',
    (array['ai-customer', 'support', 'ceo-insights', 'ai-knowledge', 'analytics', 'inventory', 'seo'])[1 + n % 7],
    (array['prod_customer', 'prod_customer', 'prod_ceo', 'prod_ceo', 'prod_background', 'prod_background', 'prod_background'])[1 + n % 7],
    case when n % 41 = 0 then 'embeddings' else 'chat' end, '/v1/chat/completions',
    case when n % 41 = 0 then 'text-embedding-3-large' when n % 5 = 0 then 'gpt-4o' else 'gpt-4o-mini' end,
    case when n % 5 = 0 then 'escalated' else 'default' end, c,
    n % 3000, n % 200, n % 500, n % 50,
    case when n % 499 = 0 then null when c in ('exact', 'semantic', 'flight') then 0 else (n % 900) / 10000.0 end,
    case when c in ('exact', 'semantic', 'flight') then (n % 700) / 10000.0 end,
    case when c in ('exact', 'semantic') then 3 + n % 30 else 400 + (n * 7919) % 2600 end,
    case when c in ('exact', 'semantic', 'flight') then 0 else 1 end,
    case when n % 211 = 0 then 'failed' when n % 463 = 0 then 'refused' else 'ok' end,
    case when n % 211 = 0 then 'server_error' when n % 463 = 0 then 'gateway_rpm_exceeded' end,
    case when n % 41 = 0 then array['gateway:semantic'] else array['web'] end
  from (
    select n, (array['miss', 'miss', 'miss', 'miss', 'miss', 'exact', 'exact', 'semantic', 'flight', 'bypass'])[1 + n % 10] as c
    from generate_series(1, 2000) as n
  ) as made
`
