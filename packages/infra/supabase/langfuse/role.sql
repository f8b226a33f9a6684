-- Creates the role and the schema of Langfuse, apart from everything else in the database. May be run again.
-- Run over the direct connection (5432), as the role postgres, before Langfuse's first start.

do $$
begin
  if not exists (select from pg_roles where rolname = 'langfuse_app') then
    create role langfuse_app;
  end if;
end
$$;
alter role langfuse_app with login nocreatedb nocreaterole connection limit 30;

-- Langfuse's raw SQL names no schema, and a transaction pooler forgets SET: the role itself must have the path.
alter role langfuse_app set search_path = langfuse;
-- A query that hangs keeps one of the pooler's few connections.
alter role langfuse_app set idle_in_transaction_session_timeout = '60s';

-- The owner of a schema can be set by members of that owner only.
grant langfuse_app to current_user;
create schema if not exists langfuse authorization langfuse_app;
alter schema langfuse owner to langfuse_app;
revoke all on schema langfuse from public;

do $$
declare
  api_role text;
begin
  -- Roles of the Data API, where there is one.
  foreach api_role in array array['anon', 'authenticated', 'service_role', 'llm_dashboard'] loop
    if exists (select from pg_roles where rolname = api_role) then
      execute format('revoke all on schema langfuse from %I', api_role);
      execute format('revoke all on all tables in schema langfuse from %I', api_role);
    end if;
  end loop;
  if exists (
    select from pg_db_role_setting, unnest(setconfig) as setting
    where setting ~ '^pgrst\.db_schemas=' and setting ~ '[=, ]langfuse(,|$)'
  ) then
    raise exception 'The Data API exposes schema langfuse: remove it from the exposed schemas in the project''s API settings.';
  end if;
end
$$;
