-- Functions of `llm-gateway doctor`: what is set up, and removal of the row that it writes. May be run again.

-- Returns what the secret key cannot read by itself: objects, grants, and Langfuse's schema. No data of any call.
create or replace function public.llm_doctor() returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object(
    'now', clock_timestamp(),
    'tables', (
      select jsonb_object_agg(name, there)
      from (
        select name, to_regclass('public.' || name) is not null as there
        from unnest(array[
          'llm_usage', 'llm_team_limits', 'llm_usage_by_minute', 'llm_daily_cost_by_agent', 'llm_token_usage',
          'llm_cache_hit_rate', 'llm_top_requests', 'llm_quota_usage_by_team'
        ]) as name
        union all
        -- Functions of migrations that come later.
        select name, to_regproc('public.' || name) is not null
        from unnest(array['llm_report_span', 'llm_report_cost']) as name
      ) as parts
    ),
    'writes', has_table_privilege('service_role', 'public.llm_usage', 'insert'),
    'erases', has_table_privilege('service_role', 'public.llm_usage', 'delete'),
    'readers', (
      select coalesce(jsonb_agg(reader), '[]') from unnest(array['anon', 'authenticated']) as reader
      where has_table_privilege(reader, 'public.llm_usage', 'select')
    ),
    'row_security', (select relrowsecurity from pg_catalog.pg_class where oid = to_regclass('public.llm_usage')),
    'langfuse', jsonb_build_object(
      'schema', to_regnamespace('langfuse') is not null,
      'role', to_regrole('langfuse_app') is not null,
      'search_path', (
        select setting from pg_catalog.pg_db_role_setting as kept, unnest(kept.setconfig) as setting
        where kept.setrole = to_regrole('langfuse_app') and setting like 'search_path=%'
      ),
      'readers', (
        select coalesce(jsonb_agg(reader), '[]') from unnest(array['anon', 'authenticated', 'service_role']) as reader
        where to_regnamespace('langfuse') is not null
          and has_schema_privilege(reader, to_regnamespace('langfuse'), 'usage')
      ),
      'tables', (select count(*) from pg_catalog.pg_class where relnamespace = to_regnamespace('langfuse') and relkind = 'r')
    )
  )
$$;

-- Deletes the row that the doctor has written. Rows of other agents are immutable here as well.
create or replace function public.llm_doctor_remove(id text) returns integer
language plpgsql security definer set search_path = ''
as $$
declare
  removed integer;
begin
  delete from public.llm_usage where request_id = id and agent = 'llm-gateway-doctor';
  get diagnostics removed = row_count;
  return removed;
end
$$;

revoke all on function public.llm_doctor(), public.llm_doctor_remove(text) from public, anon, authenticated;
grant execute on function public.llm_doctor(), public.llm_doctor_remove(text) to service_role;
