-- Retention by partition: drops months that are older than `keep` as a whole, and deletes other old rows by ctid,
-- 10,000 at a time. Only the owner of the tables may call it: no key of the Data API can delete usage. May be run
-- again.

-- Drops the partitions that are too old as a whole, and the sums of their days. A partition locked by readers is
-- dropped by the next run.
create or replace function llm_parts.drop_before(cutoff timestamptz)
returns bigint
language plpgsql
set search_path = ''
set timezone = 'UTC'
set lock_timeout = '2s'
as $$
declare
  old record;
  gone bigint := 0;
  calls bigint;
begin
  for old in select part, since, before from llm_parts.bounds where before <= cutoff order by before loop
    begin
      execute format('select count(*) from %s', old.part) into calls;
      execute format('drop table %s', old.part);
      delete from public.llm_usage_by_day where day >= old.since::date and day < old.before::date;
      delete from public.llm_usage_by_hour where day >= old.since::date and day < old.before::date;
      delete from public.llm_usage_by_minute where minute >= old.since and minute < old.before;
      gone := gone + calls;
    exception when lock_not_available then
      raise notice 'llm_usage: % is in use, and is dropped the next time', old.part;
    end;
  end loop;
  return gone;
end
$$;

-- Deletes up to `most` rows of a partition between two times, the oldest first. Returns their number and the last time
-- reached, where the next slice begins without reading the rows before it.
create or replace function llm_parts.delete_slice(
  part regclass, since timestamptz, before timestamptz, most integer, out gone bigint, out reached timestamptz
)
language plpgsql
set search_path = ''
as $$
begin
  execute format(
    'with gone as (
       delete from %1$s
       where ctid = any (array(select ctid from %1$s where at >= $1 and at < $2 order by at limit $3)) and at < $2
       returning at
     )
     select count(*), max(at) from gone', part
  ) into gone, reached using since, before, most;
end
$$;

-- Lists the partitions that may hold rows before `cutoff`.
create or replace function llm_parts.parts_before(cutoff timestamptz)
returns setof regclass
language sql
stable
set search_path = ''
as $$
  select part from llm_parts.bounds where since < cutoff
  union all
  select to_regclass('llm_parts.llm_usage_default')
$$;

create or replace function llm_parts.cutoff_of(keep interval)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
begin
  if keep is null or keep < interval '1 day' then
    raise exception 'llm_usage_prune: % is less than a day', keep using errcode = '22023';
  end if;
  return now() - keep;
end
$$;

-- Deletes in one transaction for at most one minute, below Supabase's statement timeout of two. Returns the number of
-- rows deleted; call it again until that is 0.
create or replace function public.llm_usage_prune(keep interval default '400 days')
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  cutoff constant timestamptz := llm_parts.cutoff_of(keep);
  until constant timestamptz := clock_timestamp() + interval '1 minute';
  gone bigint := 0;
  part regclass;
  since timestamptz;
  slice bigint;
begin
  perform llm_parts.add_months();
  gone := llm_parts.drop_before(cutoff);
  delete from public.llm_usage_by_minute where minute < now() - interval '3 days';
  for part in select * from llm_parts.parts_before(cutoff) loop
    since := '-infinity';
    loop
      select deleted.gone, coalesce(deleted.reached, since) into slice, since
      from llm_parts.delete_slice(part, since, cutoff, 10000) as deleted;
      gone := gone + slice;
      exit when slice < 10000 or clock_timestamp() > until;
    end loop;
    exit when clock_timestamp() > until;
  end loop;
  return gone;
end
$$;

-- Deletes with a commit after each slice: deleted rows stay deleted, and locks last for one slice only. It stops before
-- two minutes have passed; the next run continues.
create or replace procedure public.llm_usage_sweep(keep interval default '400 days')
language plpgsql
as $$
declare
  cutoff constant timestamptz := llm_parts.cutoff_of(keep);
  until constant timestamptz := clock_timestamp() + interval '90 seconds';
  part regclass;
  since timestamptz;
  gone bigint;
begin
  perform llm_parts.add_months();
  commit;
  perform llm_parts.drop_before(cutoff);
  delete from public.llm_usage_by_minute where minute < now() - interval '3 days';
  commit;
  foreach part in array array(select * from llm_parts.parts_before(cutoff)) loop
    since := '-infinity';
    loop
      select deleted.gone, coalesce(deleted.reached, since) into gone, since
      from llm_parts.delete_slice(part, since, cutoff, 10000) as deleted;
      commit;
      exit when gone < 10000 or clock_timestamp() > until;
    end loop;
    exit when clock_timestamp() > until;
  end loop;
end
$$;

revoke all on function
  llm_parts.drop_before(timestamptz), llm_parts.delete_slice(regclass, timestamptz, timestamptz, integer),
  llm_parts.parts_before(timestamptz), llm_parts.cutoff_of(interval), public.llm_usage_prune(interval)
from public, anon, authenticated, service_role;
revoke all on procedure public.llm_usage_sweep(interval) from public, anon, authenticated, service_role;

-- Runs every night where pg_cron is installed (Supabase: Integrations > Cron). Run this again after installing it.
do $$
begin
  if exists (select from pg_extension where extname = 'pg_cron') then
    execute $cron$ select cron.schedule('llm_usage_prune', '17 3 * * *', 'call public.llm_usage_sweep()') $cron$;
  else
    raise notice 'pg_cron is not there: nothing calls llm_usage_sweep() by itself.';
  end if;
end
$$;
