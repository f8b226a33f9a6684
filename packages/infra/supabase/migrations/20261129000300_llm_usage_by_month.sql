-- Partitions llm_usage by month, so that retention drops whole partitions. May be run again.
--
-- Existing rows become the first partition, up to the end of this month; nothing is copied. The table is locked while
-- the new primary key is built: about 10 s for a million rows. Gateways queue or spill their rows meanwhile.
--
-- Postgres requires `at` in the primary key. A call's `at` is set once, with its record, so a row that is delivered
-- twice has the same `at` and is stored once.

-- Returns the start of a month in UTC, `later` months after that of `at`.
create or replace function llm_parts.month_of(at timestamptz, later integer default 0)
returns timestamptz
language sql
immutable
set search_path = ''
as $$
  select (date_trunc('month', at at time zone 'UTC') + make_interval(months => later)) at time zone 'UTC'
$$;

-- Holds rows whose partition does not exist yet, and rows of wrong clocks.
create or replace function llm_parts.move(source regclass, target regclass, since timestamptz, before timestamptz)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  columns text;
  moved bigint;
begin
  select string_agg(quote_ident(attname), ', ' order by attnum) into columns
  from pg_attribute
  where attrelid = source and attnum > 0 and not attisdropped and attgenerated = '';
  execute format(
    'with gone as (delete from %s where at >= $1 and at < $2 returning *) insert into %s (%s) select %3$s from gone',
    source, target, columns
  ) using since, before;
  get diagnostics moved = row_count;
  return moved;
end
$$;

-- Partitions are read and written through llm_usage only.
create or replace function llm_parts.close(part regclass)
returns void
language plpgsql
set search_path = ''
as $$
begin
  execute format('alter table %s enable row level security', part);
  execute format('revoke all on table %s from public, anon, authenticated, service_role, llm_dashboard', part);
  perform llm_parts.watch(part);
end
$$;

-- Creates the missing partitions of this month and the following ones.
create or replace function llm_parts.add_months(ahead integer default 12)
returns integer
language plpgsql
set search_path = ''
set timezone = 'UTC'
set lock_timeout = '5s'
as $$
declare
  made integer := 0;
  first timestamptz;
  next timestamptz;
  part text;
begin
  for later in 0 .. ahead loop
    first := llm_parts.month_of(now(), later);
    next := llm_parts.month_of(now(), later + 1);
    part := format('llm_parts.llm_usage_%s', to_char(first, 'YYYY_MM'));
    continue when to_regclass(part) is not null;
    -- The first partition ends with the month in which it was created.
    continue when exists (
      select from llm_parts.bounds where since < next and before > first
    );
    execute format('create table %s (like public.llm_usage including all)', part);
    if to_regclass('llm_parts.llm_usage_default') is not null then
      -- The sums already include these rows.
      alter table llm_parts.llm_usage_default disable trigger user;
      perform llm_parts.move('llm_parts.llm_usage_default', part, first, next);
      alter table llm_parts.llm_usage_default enable trigger user;
    end if;
    execute format(
      'alter table public.llm_usage attach partition %s for values from (%L) to (%L)', part, first, next
    );
    perform llm_parts.close(part);
    made := made + 1;
  end loop;
  return made;
end
$$;

do $$
declare
  tomorrow constant timestamptz := llm_parts.month_of(now(), 1);
begin
  if (select relkind from pg_class where oid = 'public.llm_usage'::regclass) = 'p' then
    return;
  end if;
  drop view if exists
    public.llm_daily_cost_by_agent, public.llm_token_usage, public.llm_cache_hit_rate, public.llm_top_requests,
    public.llm_quota_usage_by_team;
  lock table public.llm_usage in access exclusive mode;
  drop policy if exists llm_dashboard_reads on public.llm_usage;
  alter table public.llm_usage drop constraint llm_usage_pkey;
  alter table public.llm_usage alter column request_id set not null;
  drop index if exists public.llm_usage_at, public.llm_usage_day_agent;
  alter table public.llm_usage rename to llm_usage_before;
  alter table public.llm_usage_before set schema llm_parts;

  create table public.llm_usage (
    like llm_parts.llm_usage_before including defaults including constraints including generated including comments
  ) partition by range (at);
  comment on table public.llm_usage is 'One row for each call through the LLM gateway.';
  alter table public.llm_usage add constraint llm_usage_pkey primary key (request_id, at);
  create index llm_usage_at on public.llm_usage (at);

  create table llm_parts.llm_usage_default (like public.llm_usage including all);
  perform llm_parts.move('llm_parts.llm_usage_before', 'llm_parts.llm_usage_default', tomorrow, 'infinity');
  execute format(
    'alter table public.llm_usage attach partition llm_parts.llm_usage_before for values from (minvalue) to (%L)',
    tomorrow
  );
  alter table public.llm_usage attach partition llm_parts.llm_usage_default default;
  perform llm_parts.close('llm_parts.llm_usage_before');
  perform llm_parts.close('llm_parts.llm_usage_default');
  perform llm_parts.watch('public.llm_usage');
  create trigger roll_up_none after truncate on public.llm_usage
    for each statement execute function llm_parts.empty_sums();
  perform llm_parts.rebuild();
end
$$;

-- The tiles read sums, so only the most expensive calls of a day need an index.
drop index if exists public.llm_usage_day_agent;
create index if not exists llm_usage_day_cost on public.llm_usage (day, cost_usd desc, at) where cost_usd > 0;

-- Lists the bounds of each partition but the default: start inclusive, end exclusive.
create or replace view llm_parts.bounds as
select
  child.oid::regclass as part,
  coalesce((regexp_match(bound.text, $re$FROM \('([^']+)'\)$re$))[1]::timestamptz, '-infinity') as since,
  (regexp_match(bound.text, $re$TO \('([^']+)'\)$re$))[1]::timestamptz as before
from pg_inherits
join pg_class as child on child.oid = pg_inherits.inhrelid
cross join lateral (select pg_get_expr(child.relpartbound, child.oid) as text) as bound
where pg_inherits.inhparent = 'public.llm_usage'::regclass and bound.text <> 'DEFAULT';

select llm_parts.add_months();

alter table public.llm_usage enable row level security;
revoke all on public.llm_usage from public, anon, authenticated, service_role, llm_dashboard;
grant select, insert on public.llm_usage to service_role;
grant select (
  request_id, at, day, agent, team, operation, path, stream, model_asked, model, route, cache, bypass, similarity,
  age_ms, input_tokens, cached_input_tokens, audio_input_tokens, output_tokens, reasoning_tokens,
  audio_output_tokens, estimated, cost_usd, saved_usd, latency_ms, first_token_ms, waited_ms, status, http_status,
  degraded, attempts, written_at
) on public.llm_usage to llm_dashboard;
drop policy if exists llm_dashboard_reads on public.llm_usage;
create policy llm_dashboard_reads on public.llm_usage for select to llm_dashboard using (true);

revoke all on function
  llm_parts.month_of(timestamptz, integer), llm_parts.move(regclass, regclass, timestamptz, timestamptz),
  llm_parts.close(regclass), llm_parts.add_months(integer)
from public;
