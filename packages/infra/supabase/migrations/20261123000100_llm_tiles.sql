-- Defines the five tiles. Each view runs with its reader's rights (security_invoker), so it shows no more than the
-- table would. Days are UTC; those of quotas follow the policy's time zone.

-- Cost by day and agent.
create or replace view public.llm_daily_cost_by_agent with (security_invoker = true) as
select
  day,
  team,
  agent,
  count(*) as calls,
  coalesce(sum(cost_usd), 0) as cost_usd,
  coalesce(sum(saved_usd), 0) as saved_usd,
  -- Calls of unknown cost, which cost_usd leaves out.
  count(*) filter (where cost_usd is null) as unpriced
from public.llm_usage
group by day, team, agent;

-- Token usage by day. Cached answers take no tokens and are counted separately.
create or replace view public.llm_token_usage with (security_invoker = true) as
select
  day,
  date_trunc('hour', at, 'UTC') as hour,
  team,
  agent,
  model,
  count(*) filter (where not served) as calls,
  coalesce(sum(input_tokens) filter (where not served), 0)::bigint as input_tokens,
  coalesce(sum(cached_input_tokens) filter (where not served), 0)::bigint as cached_input_tokens,
  coalesce(sum(output_tokens) filter (where not served), 0)::bigint as output_tokens,
  coalesce(sum(reasoning_tokens) filter (where not served), 0)::bigint as reasoning_tokens,
  count(*) filter (where served) as served_calls,
  coalesce(sum(input_tokens + output_tokens) filter (where served), 0)::bigint as served_tokens,
  count(*) filter (where estimated) as estimated_calls
from (
  select *, cache in ('exact', 'semantic', 'flight', 'stale') as served from (
    select day, at, team, agent, model, cache, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, estimated
    from public.llm_usage
    where operation <> 'other'
  ) as governed
) as told_apart
group by day, hour, team, agent, model;

-- Cache hit rate among calls with a cache on. Across rows, sum the counts, not the rates.
create or replace view public.llm_cache_hit_rate with (security_invoker = true) as
select
  *,
  round((exact + semantic + flight + stale)::numeric / nullif(asked, 0), 4) as hit_rate,
  round(exact::numeric / nullif(asked, 0), 4) as exact_rate,
  round(semantic::numeric / nullif(asked, 0), 4) as semantic_rate
from (
  select
    day,
    team,
    agent,
    count(*) filter (where cache <> 'bypass') as asked,
    count(*) filter (where cache = 'exact') as exact,
    count(*) filter (where cache = 'semantic') as semantic,
    count(*) filter (where cache = 'flight') as flight,
    count(*) filter (where cache = 'stale') as stale,
    count(*) filter (where cache = 'miss') as miss,
    count(*) filter (where cache = 'bypass') as bypass,
    coalesce(sum(saved_usd), 0) as saved_usd,
    coalesce(sum(saved_usd) filter (where cache = 'exact'), 0) as exact_saved_usd,
    coalesce(sum(saved_usd) filter (where cache = 'semantic'), 0) as semantic_saved_usd
  from public.llm_usage
  where operation <> 'other'
  group by day, team, agent
) as counted;

-- The ten most expensive requests of each day, which include those of any span of days.
create or replace view public.llm_top_requests with (security_invoker = true) as
select
  day, rank_of_day, request_id, at, team, agent, operation, model, route, cost_usd, input_tokens, cached_input_tokens,
  output_tokens, reasoning_tokens, attempts, latency_ms, status
from (
  select
    day, request_id, at, team, agent, operation, model, route, cost_usd, input_tokens, cached_input_tokens,
    output_tokens, reasoning_tokens, attempts, latency_ms, status,
    row_number() over (partition by day order by cost_usd desc, at, request_id) as rank_of_day
  from public.llm_usage
  where cost_usd > 0
) as ranked
where rank_of_day <= 10;

-- Quota usage by team, on the current day in the policy's time zone. Only recorded calls count; the gateway's own
-- ledger also reserves the worst case of calls in flight. Rates are those of the busiest clock minute of the day: each
-- call counts in the minute of its start, and each retry counts again.
create or replace view public.llm_quota_usage_by_team with (security_invoker = true) as
with binding as (
  select team, rpm, tpm, usd_per_day, timezone
  from public.llm_team_limits
  where version = (select max(version) from public.llm_team_limits)
),
zone as (
  select coalesce((select min(timezone) from binding), 'UTC') as name
),
today as (
  select
    date_trunc('day', now(), name) as since,
    date_trunc('day', now(), name) + interval '1 day 2 hours' as until,
    (now() at time zone name)::date as day,
    name
  from zone
),
minutes as (
  select
    usage.team,
    date_trunc('minute', usage.at) as minute,
    count(*) as calls,
    sum(usage.attempts) as requests,
    sum(usage.input_tokens + usage.output_tokens) filter (where usage.attempts > 0) as tokens,
    sum(usage.cost_usd) as cost_usd,
    count(*) filter (where usage.cost_usd is null) as unpriced,
    count(*) filter (where usage.status = 'refused') as refused
  from public.llm_usage as usage
  cross join today
  where usage.operation <> 'other'
    and usage.at >= today.since
    and usage.at < today.until
    and (usage.at at time zone today.name)::date = today.day
  group by usage.team, date_trunc('minute', usage.at)
),
used as (
  select
    team,
    sum(calls)::bigint as calls,
    sum(refused)::bigint as refused,
    coalesce(sum(cost_usd), 0) as cost_usd,
    sum(unpriced)::bigint as unpriced,
    coalesce(max(requests), 0)::bigint as busiest_minute_requests,
    coalesce(max(tokens), 0)::bigint as busiest_minute_tokens
  from minutes
  group by team
)
select
  (select day from today) as day,
  team,
  coalesce(used.calls, 0) as calls,
  coalesce(used.refused, 0) as refused,
  coalesce(used.cost_usd, 0) as cost_usd,
  binding.usd_per_day,
  round(coalesce(used.cost_usd, 0) / nullif(binding.usd_per_day, 0), 4) as usd_used,
  coalesce(used.unpriced, 0) as unpriced,
  coalesce(used.busiest_minute_requests, 0) as busiest_minute_requests,
  binding.rpm,
  round(coalesce(used.busiest_minute_requests, 0)::numeric / nullif(binding.rpm, 0), 4) as rpm_used,
  coalesce(used.busiest_minute_tokens, 0) as busiest_minute_tokens,
  binding.tpm,
  round(coalesce(used.busiest_minute_tokens, 0)::numeric / nullif(binding.tpm, 0), 4) as tpm_used
from used
full join binding using (team);

revoke all on
  public.llm_daily_cost_by_agent, public.llm_token_usage, public.llm_cache_hit_rate, public.llm_top_requests,
  public.llm_quota_usage_by_team
from public, anon, authenticated, service_role, llm_dashboard;

grant select on
  public.llm_daily_cost_by_agent, public.llm_token_usage, public.llm_cache_hit_rate, public.llm_top_requests,
  public.llm_quota_usage_by_team
to service_role, llm_dashboard;
