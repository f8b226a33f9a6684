-- Retention: deletes rows older than `keep`, one slice at a time, and returns their number.
-- Only the owner of the tables may call it: no key of the Data API can delete usage.
create or replace function public.llm_usage_prune(keep interval default '400 days')
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  gone bigint := 0;
  slice bigint;
begin
  if keep is null or keep < interval '1 day' then
    raise exception 'llm_usage_prune: % is less than a day', keep using errcode = '22023';
  end if;
  loop
    delete from public.llm_usage
    where request_id in (select request_id from public.llm_usage where at < now() - keep order by at limit 10000);
    get diagnostics slice = row_count;
    gone := gone + slice;
    exit when slice < 10000;
  end loop;
  return gone;
end
$$;

revoke all on function public.llm_usage_prune(interval) from public, anon, authenticated, service_role;

-- Runs every night where pg_cron is installed (Supabase: Integrations > Cron). Run this again after installing it.
do $$
begin
  if exists (select from pg_extension where extname = 'pg_cron') then
    execute $cron$ select cron.schedule('llm_usage_prune', '17 3 * * *', 'select public.llm_usage_prune()') $cron$;
  else
    raise notice 'pg_cron is not there: nothing calls llm_usage_prune() by itself.';
  end if;
end
$$;
