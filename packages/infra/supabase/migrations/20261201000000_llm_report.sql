-- Functions of `llm-gateway report`: sums of the calls of a span, so that it reads no rows. May be run again.

-- Returns the sums of one span of llm_usage as JSON: `since` is inclusive, `until` exclusive. Sums of several spans add
-- up to those of their union; the busiest minutes do so where spans begin at whole minutes. Money is in billionths of a
-- dollar. Names beyond the 200 most frequent are counted as "(others)", which bounds the answer: callers choose names.
--
-- Calls with the tag gateway:semantic are those that the semantic cache makes for itself. They are in the sums of money and
-- of tokens, and in no other.
create or replace function public.llm_report_span(since timestamptz, until timestamptz) returns jsonb
language sql stable set search_path = ''
as $$
  with
  span as materialized (
    select
      at, request_id, team, agent, model, route, operation, cache, status, error, cost_usd, saved_usd, latency_ms,
      attempts, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens,
      'gateway:semantic' = any (tags) as own,
      operation <> 'other' as governed,
      operation <> 'other' and cache in ('exact', 'semantic', 'flight', 'stale') as served
    from public.llm_usage
    where at >= since and at < until
  ),
  known_agents as (
    select team, agent from span group by team, agent order by count(*) desc, team, agent limit 200
  ),
  known_models as (
    select model from span group by model order by count(*) desc, model limit 200
  ),
  named as materialized (
    select
      span.*,
      coalesce(known_agents.team, '(others)') as team_name,
      coalesce(known_agents.agent, '(others)') as agent_name,
      coalesce(known_models.model, '(others)') as model_name,
      -- Three digits: exact below a second, and as exact as it is shown above. Sorting and rounding may be exchanged.
      case
        when status = 'refused' or own then null
        when latency_ms < 1000 then latency_ms
        when latency_ms < 10000 then latency_ms / 10 * 10
        when latency_ms < 100000 then latency_ms / 100 * 100
        else least(latency_ms, 1000000000) / 1000 * 1000
      end as latency
    from span
    left join known_agents using (team, agent)
    left join known_models using (model)
  )
  select jsonb_build_object(
    'agents', (
      select coalesce(jsonb_agg(to_jsonb(agents)), '[]') from (
        select
          team_name as team,
          agent_name as agent,
          count(*) filter (where not own) as calls,
          count(*) filter (where not own and status = 'failed') as errors,
          count(*) filter (where not own and status = 'aborted') as aborted,
          count(*) filter (where not own and status = 'refused') as refused,
          count(*) filter (where not own and governed and cache <> 'bypass') as asked,
          count(*) filter (where not own and governed and cache = 'exact') as exact,
          count(*) filter (where not own and governed and cache = 'semantic') as semantic,
          count(*) filter (where not own and governed and cache = 'flight') as flight,
          count(*) filter (where not own and governed and cache = 'stale') as stale,
          coalesce(sum(cost_usd), 0) * 1000000000 as cost,
          count(*) filter (where cost_usd is null) as unpriced,
          coalesce(sum(saved_usd) filter (where not own and cache = 'exact'), 0) * 1000000000 as exact_saved,
          coalesce(sum(saved_usd) filter (where not own and cache = 'semantic'), 0) * 1000000000 as semantic_saved,
          coalesce(sum(saved_usd) filter (where not own and cache = 'flight'), 0) * 1000000000 as flight_saved,
          coalesce(sum(saved_usd) filter (where not own and cache = 'stale'), 0) * 1000000000 as stale_saved,
          count(*) filter (where own) as own_calls,
          coalesce(sum(cost_usd) filter (where own), 0) * 1000000000 as own_cost,
          count(*) filter (where own and cost_usd is null) as own_unpriced
        from named
        group by team_name, agent_name
      ) as agents
    ),
    -- Milliseconds and number of calls, by agent. Refused calls are left out.
    'latencies', (
      select coalesce(jsonb_agg(to_jsonb(latencies)), '[]') from (
        select team, agent, jsonb_agg(jsonb_build_array(latency, calls)) as counts
        from (
          select team_name as team, agent_name as agent, latency, count(*) as calls
          from named where latency is not null
          group by team_name, agent_name, latency
        ) as counted
        group by team, agent
      ) as latencies
    ),
    -- Governed calls that upstream answered.
    'models', (
      select coalesce(jsonb_agg(to_jsonb(models)), '[]') from (
        select
          model_name as model,
          route,
          operation,
          count(*) as calls,
          coalesce(sum(cost_usd), 0) * 1000000000 as cost,
          count(*) filter (where cost_usd is null) as unpriced,
          coalesce(sum(input_tokens), 0) as input,
          coalesce(sum(cached_input_tokens), 0) as cached_input,
          coalesce(sum(output_tokens), 0) as output,
          coalesce(sum(reasoning_tokens), 0) as reasoning,
          -- Calls whose price and tokens are known: those by which models can be compared.
          coalesce(sum(cost_usd) filter (where comparable), 0) * 1000000000 as priced_cost,
          coalesce(sum(input_tokens) filter (where comparable), 0) as priced_input,
          coalesce(sum(cached_input_tokens) filter (where comparable), 0) as priced_cached_input,
          coalesce(sum(output_tokens) filter (where comparable), 0) as priced_output
        from (
          select *, cost_usd > 0 and input_tokens is not null and output_tokens is not null and not own as comparable
          from named where governed and not served
        ) as asked
        group by model_name, route, operation
      ) as models
    ),
    'refusals', (
      select coalesce(jsonb_agg(to_jsonb(refusals)), '[]') from (
        select team_name as team, coalesce(error, '') as code, count(*) as calls
        from named where status = 'refused' and not own
        group by team_name, coalesce(error, '')
        order by calls desc, team, code
        limit 1000
      ) as refusals
    ),
    -- The busiest clock minute of each team, as the tile has it: each attempt counts, in the minute of its call's start.
    'minutes', (
      select coalesce(jsonb_agg(to_jsonb(busiest)), '[]') from (
        select team, max(requests) as requests, coalesce(max(tokens), 0) as tokens
        from (
          select
            team_name as team,
            sum(attempts) as requests,
            sum(input_tokens + output_tokens) filter (where attempts > 0) as tokens
          from named where governed
          group by team_name, date_trunc('minute', at, 'UTC')
        ) as minutes
        group by team
      ) as busiest
    ),
    'dearest', (
      select coalesce(jsonb_agg(to_jsonb(dearest)), '[]') from (
        select
          request_id as id, extract(epoch from at) * 1000 as at, team, agent, operation, model, cost_usd * 1000000000 as cost,
          input_tokens as input, output_tokens as output, latency_ms as latency, attempts, status
        from span where cost_usd > 0
        order by cost_usd desc, at, request_id
        limit 10
      ) as dearest
    )
  )
$$;

-- Returns calls and cost of a span of any length: from the sums of whole days (UTC), and from rows at its ends.
create or replace function public.llm_report_cost(since timestamptz, until timestamptz) returns jsonb
language sql stable set search_path = ''
as $$
  with
  bounds as (
    select
      ((since at time zone 'UTC') + interval '1 day' - interval '1 microsecond')::date as first_day,
      (until at time zone 'UTC')::date as end_day
  ),
  parts as (
    select sum(by_day.calls) as calls, sum(by_day.cost_usd) as cost, sum(by_day.unpriced) as unpriced
    from public.llm_usage_by_day as by_day cross join bounds
    where day >= first_day and day < end_day
    union all
    select count(*), sum(cost_usd), count(*) filter (where cost_usd is null)
    from public.llm_usage cross join bounds
    where at >= since and at < least(until, first_day::timestamp at time zone 'UTC')
    union all
    select count(*), sum(cost_usd), count(*) filter (where cost_usd is null)
    from public.llm_usage cross join bounds
    where at >= greatest(since, end_day::timestamp at time zone 'UTC', first_day::timestamp at time zone 'UTC') and at < until
  )
  select jsonb_build_object(
    'calls', coalesce(sum(calls), 0), 'cost', coalesce(sum(cost), 0) * 1000000000, 'unpriced', coalesce(sum(unpriced), 0)
  )
  from parts
$$;

revoke all on function
  public.llm_report_span(timestamptz, timestamptz), public.llm_report_cost(timestamptz, timestamptz)
from public, anon, authenticated, service_role;
grant execute on function
  public.llm_report_span(timestamptz, timestamptz), public.llm_report_cost(timestamptz, timestamptz)
to service_role;
