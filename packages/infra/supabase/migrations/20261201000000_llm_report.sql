-- Functions of `llm-gateway report`: sums of the calls of a span, so that it reads no rows. May be run again.

-- Returns the sums of one span of llm_usage as JSON: `since` is inclusive, `until` exclusive. Sums of several spans add
-- up to those of their union; the busiest minutes do so where spans begin at whole minutes. Money is in billionths of a
-- dollar. Names beyond the 200 most frequent are counted as "(others)", which bounds the answer: callers choose names.
--
-- Calls with the tag gateway:semantic are those that the semantic cache makes for itself. They are in the sums of money and
-- of tokens, and in no other.
create or replace function public.llm_report_span(since timestamptz, until timestamptz) returns jsonb
-- The rows of a day fit into this memory, so they are not written to a file in between.
language sql stable set search_path = '' set work_mem = '64MB' set jit = off
as $$
  with
  span as not materialized (
    select
      at, team, agent, model, route, operation, cache, status, cost_usd, saved_usd, latency_ms, attempts, input_tokens,
      cached_input_tokens, output_tokens, reasoning_tokens,
      case when status = 'refused' then coalesce(error, '') end as refusal,
      'gateway:semantic' = any (tags) as own
    from public.llm_usage
    where at >= since and at < until
  ),
  -- One pass over the calls; all sums of money, tokens and counts are those of these groups.
  groups as materialized (
    select
      team, agent, model, route, operation, cache, status, refusal, own,
      operation <> 'other' as governed,
      operation <> 'other' and cache in ('exact', 'semantic', 'flight', 'stale') as served,
      count(*) as calls,
      coalesce(sum(cost_usd), 0) * 1000000000 as cost,
      count(*) filter (where cost_usd is null) as unpriced,
      coalesce(sum(saved_usd), 0) * 1000000000 as saved,
      coalesce(sum(input_tokens), 0) as input,
      coalesce(sum(cached_input_tokens), 0) as cached_input,
      coalesce(sum(output_tokens), 0) as output,
      coalesce(sum(reasoning_tokens), 0) as reasoning,
      -- Calls whose price and tokens are known: those by which models can be compared.
      coalesce(sum(cost_usd) filter (where cost_usd > 0 and input_tokens + output_tokens > 0), 0) * 1000000000
        as priced_cost,
      coalesce(sum(input_tokens) filter (where cost_usd > 0 and input_tokens + output_tokens > 0), 0) as priced_input,
      coalesce(sum(cached_input_tokens) filter (where cost_usd > 0 and input_tokens + output_tokens > 0), 0)
        as priced_cached_input,
      coalesce(sum(output_tokens) filter (where cost_usd > 0 and input_tokens + output_tokens > 0), 0) as priced_output
    from span
    group by team, agent, model, route, operation, cache, status, refusal, own
  ),
  known_agents as (
    select team, agent from groups group by team, agent order by sum(calls) desc, team, agent limit 200
  ),
  known_models as (
    select model from groups group by model order by sum(calls) desc, model limit 200
  ),
  named as materialized (
    select
      groups.*,
      coalesce(known_agents.team, '(others)') as team_name,
      coalesce(known_agents.agent, '(others)') as agent_name,
      coalesce(known_models.model, '(others)') as model_name
    from groups
    left join known_agents using (team, agent)
    left join known_models using (model)
  )
  select jsonb_build_object(
    'agents', (
      select coalesce(jsonb_agg(to_jsonb(agents)), '[]') from (
        select
          team_name as team,
          agent_name as agent,
          coalesce(sum(calls) filter (where not own), 0) as calls,
          coalesce(sum(calls) filter (where not own and status = 'failed'), 0) as errors,
          coalesce(sum(calls) filter (where not own and status = 'aborted'), 0) as aborted,
          coalesce(sum(calls) filter (where not own and status = 'refused'), 0) as refused,
          coalesce(sum(calls) filter (where not own and governed and cache <> 'bypass'), 0) as asked,
          coalesce(sum(calls) filter (where not own and governed and cache = 'exact'), 0) as exact,
          coalesce(sum(calls) filter (where not own and governed and cache = 'semantic'), 0) as semantic,
          coalesce(sum(calls) filter (where not own and governed and cache = 'flight'), 0) as flight,
          coalesce(sum(calls) filter (where not own and governed and cache = 'stale'), 0) as stale,
          sum(cost) as cost,
          sum(unpriced) as unpriced,
          coalesce(sum(saved) filter (where not own and cache = 'exact'), 0) as exact_saved,
          coalesce(sum(saved) filter (where not own and cache = 'semantic'), 0) as semantic_saved,
          coalesce(sum(saved) filter (where not own and cache = 'flight'), 0) as flight_saved,
          coalesce(sum(saved) filter (where not own and cache = 'stale'), 0) as stale_saved,
          coalesce(sum(calls) filter (where own), 0) as own_calls,
          coalesce(sum(cost) filter (where own), 0) as own_cost,
          coalesce(sum(unpriced) filter (where own), 0) as own_unpriced
        from named
        group by team_name, agent_name
      ) as agents
    ),
    -- Milliseconds and number of calls, by agent, without refused calls. Milliseconds have three digits: they are exact
    -- below a second, and as exact as they are shown above. Sorting and rounding down may be exchanged.
    'latencies', (
      select coalesce(jsonb_agg(to_jsonb(latencies)), '[]') from (
        select team, agent, jsonb_agg(jsonb_build_array(latency, calls)) as counts
        from (
          select
            coalesce(known_agents.team, '(others)') as team, coalesce(known_agents.agent, '(others)') as agent, latency,
            sum(calls) as calls
          from (
            select
              team,
              agent,
              case
                when latency_ms < 1000 then latency_ms
                when latency_ms < 10000 then latency_ms / 10 * 10
                when latency_ms < 100000 then latency_ms / 100 * 100
                else least(latency_ms, 1000000000) / 1000 * 1000
              end as latency,
              count(*) as calls
            from span
            where latency_ms is not null and status <> 'refused' and not own
            group by 1, 2, 3
          ) as counted
          left join known_agents using (team, agent)
          group by 1, 2, 3
        ) as summed
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
          sum(calls) as calls,
          sum(cost) as cost,
          sum(unpriced) as unpriced,
          sum(input) as input,
          sum(cached_input) as cached_input,
          sum(output) as output,
          sum(reasoning) as reasoning,
          coalesce(sum(priced_cost) filter (where not own), 0) as priced_cost,
          coalesce(sum(priced_input) filter (where not own), 0) as priced_input,
          coalesce(sum(priced_cached_input) filter (where not own), 0) as priced_cached_input,
          coalesce(sum(priced_output) filter (where not own), 0) as priced_output
        from named
        where governed and not served
        group by model_name, route, operation
      ) as models
    ),
    'refusals', (
      select coalesce(jsonb_agg(to_jsonb(refusals)), '[]') from (
        select team_name as team, refusal as code, sum(calls) as calls
        from named
        where status = 'refused' and not own
        group by team_name, refusal
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
            team, sum(attempts) as requests, sum(input_tokens + output_tokens) filter (where attempts > 0) as tokens
          from span
          where operation <> 'other'
          group by team, date_bin('1 minute', at, '2000-01-01Z')
        ) as minutes
        group by team
        order by requests desc, team
        limit 200
      ) as busiest
    ),
    'dearest', (
      select coalesce(jsonb_agg(to_jsonb(dearest)), '[]') from (
        select
          request_id as id, extract(epoch from at) * 1000 as at, team, agent, operation, model,
          cost_usd * 1000000000 as cost, input_tokens as input, output_tokens as output, latency_ms as latency, attempts,
          status
        from public.llm_usage
        where
          at >= since and at < until and cost_usd > 0
          -- Days in UTC, so that the index of costs may be used.
          and day >= (since at time zone 'UTC')::date and day <= (until at time zone 'UTC')::date
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
