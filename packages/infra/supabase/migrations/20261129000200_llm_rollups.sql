-- Sums of llm_usage by day, hour and minute, so that a tile reads thousands of rows instead of millions. Triggers keep
-- the sums equal to the rows at every moment, for every insert, update and delete. May be run again.

-- Holds what readers do not use directly: partitions of llm_usage and their functions. The Data API does not expose it.
create schema if not exists llm_parts;
revoke all on schema llm_parts from public;

create table if not exists public.llm_usage_by_day (
  day date not null,
  team text not null,
  agent text not null,
  calls bigint not null,
  -- Null: no call in the sum has a known cost.
  cost_usd numeric,
  saved_usd numeric,
  unpriced bigint not null,
  -- The following sums cover governed calls only, not pass-through ones.
  governed bigint not null,
  asked bigint not null,
  exact bigint not null,
  semantic bigint not null,
  flight bigint not null,
  stale bigint not null,
  miss bigint not null,
  bypass bigint not null,
  governed_saved_usd numeric,
  exact_saved_usd numeric,
  semantic_saved_usd numeric,
  primary key (day, team, agent)
);

-- Governed calls. `calls` and the tokens leave out cached answers. Sums are numeric, which cannot overflow, so no row
-- is refused because of its sum.
create table if not exists public.llm_usage_by_hour (
  day date not null,
  hour timestamptz not null,
  team text not null,
  agent text not null,
  model text not null,
  governed bigint not null,
  calls bigint not null,
  input_tokens numeric,
  cached_input_tokens numeric,
  output_tokens numeric,
  reasoning_tokens numeric,
  served_calls bigint not null,
  served_tokens numeric,
  estimated_calls bigint not null,
  primary key (day, hour, team, agent, model)
);

-- Governed calls of the last days only, for quotas of the day.
create table if not exists public.llm_usage_by_minute (
  minute timestamptz not null,
  team text not null,
  calls bigint not null,
  requests numeric not null,
  tokens numeric,
  cost_usd numeric,
  unpriced bigint not null,
  refused bigint not null,
  primary key (minute, team)
);

comment on table public.llm_usage_by_day is 'Sums of llm_usage, kept by its triggers.';
comment on table public.llm_usage_by_hour is 'Sums of llm_usage, kept by its triggers.';
comment on table public.llm_usage_by_minute is 'Sums of llm_usage of the last days, kept by its triggers.';

alter table public.llm_usage_by_day enable row level security;
alter table public.llm_usage_by_hour enable row level security;
alter table public.llm_usage_by_minute enable row level security;

revoke all on public.llm_usage_by_day, public.llm_usage_by_hour, public.llm_usage_by_minute
from public, anon, authenticated, service_role, llm_dashboard;
grant select on public.llm_usage_by_day, public.llm_usage_by_hour, public.llm_usage_by_minute
to service_role, llm_dashboard;

drop policy if exists llm_dashboard_reads on public.llm_usage_by_day;
create policy llm_dashboard_reads on public.llm_usage_by_day for select to llm_dashboard using (true);
drop policy if exists llm_dashboard_reads on public.llm_usage_by_hour;
create policy llm_dashboard_reads on public.llm_usage_by_hour for select to llm_dashboard using (true);
drop policy if exists llm_dashboard_reads on public.llm_usage_by_minute;
create policy llm_dashboard_reads on public.llm_usage_by_minute for select to llm_dashboard using (true);

-- Returns the statements that add rows to the sums or subtract them. `source`: the rows; $1: 1 or -1. Upserts are
-- ordered by key, so that two of them never deadlock.
create or replace function llm_parts.sums_of(source text)
returns text[]
language sql
immutable
set search_path = ''
as $$
  select array_agg(format(statement, source) order by nr)
  from unnest(array[
    $sql$
      insert into public.llm_usage_by_day as known
        select
          day, team, agent, $1 * count(*), $1 * sum(cost_usd), $1 * sum(saved_usd),
          $1 * count(*) filter (where cost_usd is null),
          $1 * count(*) filter (where operation <> 'other'),
          $1 * count(*) filter (where operation <> 'other' and cache <> 'bypass'),
          $1 * count(*) filter (where operation <> 'other' and cache = 'exact'),
          $1 * count(*) filter (where operation <> 'other' and cache = 'semantic'),
          $1 * count(*) filter (where operation <> 'other' and cache = 'flight'),
          $1 * count(*) filter (where operation <> 'other' and cache = 'stale'),
          $1 * count(*) filter (where operation <> 'other' and cache = 'miss'),
          $1 * count(*) filter (where operation <> 'other' and cache = 'bypass'),
          $1 * sum(saved_usd) filter (where operation <> 'other'),
          $1 * sum(saved_usd) filter (where operation <> 'other' and cache = 'exact'),
          $1 * sum(saved_usd) filter (where operation <> 'other' and cache = 'semantic')
        from %1$s
        group by day, team, agent
        order by day, team, agent
        on conflict (day, team, agent) do update set
          calls = known.calls + excluded.calls,
          cost_usd = coalesce(known.cost_usd + excluded.cost_usd, known.cost_usd, excluded.cost_usd),
          saved_usd = coalesce(known.saved_usd + excluded.saved_usd, known.saved_usd, excluded.saved_usd),
          unpriced = known.unpriced + excluded.unpriced,
          governed = known.governed + excluded.governed,
          asked = known.asked + excluded.asked,
          exact = known.exact + excluded.exact,
          semantic = known.semantic + excluded.semantic,
          flight = known.flight + excluded.flight,
          stale = known.stale + excluded.stale,
          miss = known.miss + excluded.miss,
          bypass = known.bypass + excluded.bypass,
          governed_saved_usd = coalesce(
            known.governed_saved_usd + excluded.governed_saved_usd, known.governed_saved_usd, excluded.governed_saved_usd
          ),
          exact_saved_usd = coalesce(
            known.exact_saved_usd + excluded.exact_saved_usd, known.exact_saved_usd, excluded.exact_saved_usd
          ),
          semantic_saved_usd = coalesce(
            known.semantic_saved_usd + excluded.semantic_saved_usd, known.semantic_saved_usd, excluded.semantic_saved_usd
          )
    $sql$,
    $sql$
      insert into public.llm_usage_by_hour as known
        select
          day, date_trunc('hour', at, 'UTC') as hour, team, agent, model, $1 * count(*),
          $1 * count(*) filter (where not served),
          $1 * sum(input_tokens) filter (where not served),
          $1 * sum(cached_input_tokens) filter (where not served),
          $1 * sum(output_tokens) filter (where not served),
          $1 * sum(reasoning_tokens) filter (where not served),
          $1 * count(*) filter (where served),
          $1 * sum(input_tokens::numeric + output_tokens) filter (where served),
          $1 * count(*) filter (where estimated)
        from (
          select *, cache in ('exact', 'semantic', 'flight', 'stale') as served from %1$s where operation <> 'other'
        ) as told_apart
        group by day, date_trunc('hour', at, 'UTC'), team, agent, model
        order by day, hour, team, agent, model
        on conflict (day, hour, team, agent, model) do update set
          governed = known.governed + excluded.governed,
          calls = known.calls + excluded.calls,
          input_tokens = coalesce(known.input_tokens + excluded.input_tokens, known.input_tokens, excluded.input_tokens),
          cached_input_tokens = coalesce(
            known.cached_input_tokens + excluded.cached_input_tokens, known.cached_input_tokens, excluded.cached_input_tokens
          ),
          output_tokens = coalesce(
            known.output_tokens + excluded.output_tokens, known.output_tokens, excluded.output_tokens
          ),
          reasoning_tokens = coalesce(
            known.reasoning_tokens + excluded.reasoning_tokens, known.reasoning_tokens, excluded.reasoning_tokens
          ),
          served_calls = known.served_calls + excluded.served_calls,
          served_tokens = coalesce(
            known.served_tokens + excluded.served_tokens, known.served_tokens, excluded.served_tokens
          ),
          estimated_calls = known.estimated_calls + excluded.estimated_calls
    $sql$,
    $sql$
      insert into public.llm_usage_by_minute as known
        select
          date_trunc('minute', at, 'UTC') as minute, team, $1 * count(*), $1 * sum(attempts),
          $1 * sum(input_tokens::numeric + output_tokens) filter (where attempts > 0),
          $1 * sum(cost_usd),
          $1 * count(*) filter (where cost_usd is null),
          $1 * count(*) filter (where status = 'refused')
        from %1$s
        where operation <> 'other'
        group by date_trunc('minute', at, 'UTC'), team
        order by minute, team
        on conflict (minute, team) do update set
          calls = known.calls + excluded.calls,
          requests = known.requests + excluded.requests,
          tokens = coalesce(known.tokens + excluded.tokens, known.tokens, excluded.tokens),
          cost_usd = coalesce(known.cost_usd + excluded.cost_usd, known.cost_usd, excluded.cost_usd),
          unpriced = known.unpriced + excluded.unpriced,
          refused = known.refused + excluded.refused
    $sql$
  ]) with ordinality as each (statement, nr)
$$;

-- Adds or subtracts the rows that a statement changed. The trigger's argument is 1 or -1, its transition table
-- `changed`.
create or replace function llm_parts.roll_up()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  sign constant integer := tg_argv[0];
  statement text;
begin
  foreach statement in array llm_parts.sums_of('changed') loop
    execute statement using sign;
  end loop;
  if sign < 0 then
    delete from public.llm_usage_by_day
    where calls <= 0 and day in (select day from changed);
    delete from public.llm_usage_by_hour
    where governed <= 0 and day in (select day from changed);
    delete from public.llm_usage_by_minute
    where calls <= 0 and minute in (select date_trunc('minute', at, 'UTC') from changed);
  end if;
  return null;
end
$$;

create or replace function llm_parts.empty_sums()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  truncate public.llm_usage_by_day, public.llm_usage_by_hour, public.llm_usage_by_minute;
  return null;
end
$$;

-- Computes the sums again from all rows, for rows older than the sums. Writers wait meanwhile.
create or replace function llm_parts.rebuild()
returns void
language plpgsql
set search_path = ''
as $$
declare
  statement text;
begin
  lock table public.llm_usage in share row exclusive mode;
  truncate public.llm_usage_by_day, public.llm_usage_by_hour, public.llm_usage_by_minute;
  foreach statement in array llm_parts.sums_of('public.llm_usage') loop
    execute statement using 1;
  end loop;
  delete from public.llm_usage_by_minute where minute < now() - interval '3 days';
end
$$;

-- Statement triggers fire for the table that the statement names, so llm_usage and each of its partitions need them.
create or replace function llm_parts.watch(name regclass)
returns void
language plpgsql
set search_path = ''
as $$
begin
  execute format(
    'create or replace trigger roll_up_new after insert on %s referencing new table as changed
     for each statement execute function llm_parts.roll_up(''1'')', name
  );
  execute format(
    'create or replace trigger roll_up_gone after delete on %s referencing old table as changed
     for each statement execute function llm_parts.roll_up(''-1'')', name
  );
  execute format(
    'create or replace trigger roll_up_before after update on %s referencing old table as changed
     for each statement execute function llm_parts.roll_up(''-1'')', name
  );
  execute format(
    'create or replace trigger roll_up_changed after update on %s referencing new table as changed
     for each statement execute function llm_parts.roll_up(''1'')', name
  );
end
$$;

revoke all on function
  llm_parts.sums_of(text), llm_parts.roll_up(), llm_parts.empty_sums(), llm_parts.rebuild(), llm_parts.watch(regclass)
from public;
