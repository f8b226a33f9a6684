-- Defines the five tiles again, with the same columns, on the sums: their cost grows with days and agents, not with
-- calls. May be run again.

-- Cost by day and agent.
create or replace view public.llm_daily_cost_by_agent with (security_invoker = true) as
select
  day,
  team,
  agent,
  calls,
  coalesce(cost_usd, 0) as cost_usd,
  coalesce(saved_usd, 0) as saved_usd,
  unpriced
from public.llm_usage_by_day;

-- Token usage by day. Cached answers take no tokens and are counted separately.
create or replace view public.llm_token_usage with (security_invoker = true) as
select
  day,
  hour,
  team,
  agent,
  model,
  calls,
  coalesce(input_tokens, 0)::bigint as input_tokens,
  coalesce(cached_input_tokens, 0)::bigint as cached_input_tokens,
  coalesce(output_tokens, 0)::bigint as output_tokens,
  coalesce(reasoning_tokens, 0)::bigint as reasoning_tokens,
  served_calls,
  coalesce(served_tokens, 0)::bigint as served_tokens,
  estimated_calls
from public.llm_usage_by_hour;

-- Cache hit rate among calls with a cache on. Across rows, sum the counts, not the rates.
create or replace view public.llm_cache_hit_rate with (security_invoker = true) as
select
  day,
  team,
  agent,
  asked,
  exact,
  semantic,
  flight,
  stale,
  miss,
  bypass,
  coalesce(governed_saved_usd, 0) as saved_usd,
  coalesce(exact_saved_usd, 0) as exact_saved_usd,
  coalesce(semantic_saved_usd, 0) as semantic_saved_usd,
  round((exact + semantic + flight + stale)::numeric / nullif(asked, 0), 4) as hit_rate,
  round(exact::numeric / nullif(asked, 0), 4) as exact_rate,
  round(semantic::numeric / nullif(asked, 0), 4) as semantic_rate
from public.llm_usage_by_day
where governed > 0;

-- The ten most expensive requests of each day, which include those of any span of days. Each day with calls reads ten
-- entries of an index.
create or replace view public.llm_top_requests with (security_invoker = true) as
select
  days.day, dearest.rank_of_day, dearest.request_id, dearest.at, dearest.team, dearest.agent, dearest.operation,
  dearest.model, dearest.route, dearest.cost_usd, dearest.input_tokens, dearest.cached_input_tokens,
  dearest.output_tokens, dearest.reasoning_tokens, dearest.attempts, dearest.latency_ms, dearest.status
from (select distinct day from public.llm_usage_by_day) as days
cross join lateral (
  select
    usage.*,
    row_number() over (order by usage.cost_usd desc, usage.at, usage.request_id) as rank_of_day
  from (
    select
      request_id, at, team, agent, operation, model, route, cost_usd, input_tokens, cached_input_tokens,
      output_tokens, reasoning_tokens, attempts, latency_ms, status
    from public.llm_usage
    where day = days.day and cost_usd > 0
    order by cost_usd desc, at, request_id
    limit 10
  ) as usage
) as dearest;

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
used as (
  select
    team,
    sum(calls)::bigint as calls,
    sum(refused)::bigint as refused,
    coalesce(sum(cost_usd), 0) as cost_usd,
    sum(unpriced)::bigint as unpriced,
    coalesce(max(requests), 0)::bigint as busiest_minute_requests,
    coalesce(max(tokens), 0)::bigint as busiest_minute_tokens
  from public.llm_usage_by_minute
  cross join today
  where minute >= today.since and minute < today.until and (minute at time zone today.name)::date = today.day
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
