-- Stores US dollars with nine decimals: an embedding of 11 tokens costs $0.00000143, which six decimals cannot hold.
-- May be run again, without effect. The table is locked and rewritten while it runs.
do $$
declare
  tiles constant text[] := array[
    'llm_daily_cost_by_agent', 'llm_cache_hit_rate', 'llm_top_requests', 'llm_quota_usage_by_team'
  ];
  tile text;
  definitions text[] := '{}';
begin
  if not exists (
    select from information_schema.columns
    where table_schema = 'public' and table_name = 'llm_usage'
      and column_name in ('cost_usd', 'saved_usd') and numeric_scale < 9
  ) then
    return;
  end if;
  -- Postgres alters no column that a view uses. The tiles are dropped and created again. Another view on the column
  -- makes this fail, and the error's detail names it: drop it first.
  foreach tile in array tiles loop
    definitions := definitions || pg_get_viewdef(format('public.%I', tile)::regclass);
    execute format('drop view public.%I', tile);
  end loop;
  -- least() ignores null, and would turn an unknown cost into the largest amount.
  alter table public.llm_usage
    alter column cost_usd type numeric(18, 9)
      using case when cost_usd > 999999999 then 999999999 else cost_usd end,
    alter column saved_usd type numeric(18, 9)
      using case when saved_usd > 999999999 then 999999999 else saved_usd end;
  for at in 1 .. array_length(tiles, 1) loop
    execute format('create view public.%I with (security_invoker = true) as %s', tiles[at], definitions[at]);
  end loop;
end
$$;

-- A newly created view grants rights to its owner only.
revoke all on
  public.llm_daily_cost_by_agent, public.llm_token_usage, public.llm_cache_hit_rate, public.llm_top_requests,
  public.llm_quota_usage_by_team
from public, anon, authenticated, service_role, llm_dashboard;

grant select on
  public.llm_daily_cost_by_agent, public.llm_token_usage, public.llm_cache_hit_rate, public.llm_top_requests,
  public.llm_quota_usage_by_team
to service_role, llm_dashboard;
