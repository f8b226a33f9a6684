-- Stores one row for each call through the gateway, without question and answer.
-- May be run again: existing rows stay, grants and policies are set again.

create table if not exists public.llm_usage (
  -- The call's id. Rows are delivered at least once and stored once.
  request_id text primary key,
  -- Start of the call, by the clock of the calling machine.
  at timestamptz not null,
  day date not null generated always as ((at at time zone 'UTC')::date) stored,
  agent text not null,
  team text not null,
  operation text not null,
  path text not null,
  stream boolean not null default false,
  model_asked text,
  model text not null,
  route text not null,
  cache text not null,
  bypass text,
  similarity double precision,
  age_ms bigint,
  -- Tokens of the answer, cached answers included; null without an answer. input includes cached_input and audio_input,
  -- output includes reasoning and audio_output.
  input_tokens bigint,
  cached_input_tokens bigint,
  audio_input_tokens bigint,
  output_tokens bigint,
  reasoning_tokens bigint,
  audio_output_tokens bigint,
  estimated boolean not null default false,
  -- US dollars. Null: unknown, which is not 0.
  cost_usd numeric(18, 6),
  saved_usd numeric(18, 6),
  latency_ms bigint,
  first_token_ms bigint,
  waited_ms bigint,
  status text not null,
  http_status integer,
  error text,
  degraded text,
  -- Number of requests sent upstream.
  attempts integer not null default 0,
  session text,
  end_user text,
  trace text,
  tags text[] not null default '{}',
  -- Time at which the row arrived: later than the call while Supabase was unreachable.
  written_at timestamptz not null default now(),
  -- No constraint lists the values of status, cache and route: rows of a newer gateway with new values must be
  -- accepted.
  constraint llm_usage_request_id_named check (request_id <> ''),
  constraint llm_usage_counts check (
    input_tokens >= 0 and cached_input_tokens >= 0 and audio_input_tokens >= 0
    and output_tokens >= 0 and reasoning_tokens >= 0 and audio_output_tokens >= 0
    and latency_ms >= 0 and first_token_ms >= 0 and waited_ms >= 0 and age_ms >= 0 and attempts >= 0
  ),
  constraint llm_usage_money check (cost_usd >= 0 and saved_usd >= 0)
);

comment on table public.llm_usage is 'One row for each call through the LLM gateway.';

-- Serves quotas of the day, retention, and every tile of some days.
create index if not exists llm_usage_at on public.llm_usage (at);
create index if not exists llm_usage_day_agent on public.llm_usage (day, agent);

-- Limits of each team, from the policy of the writing processes. The highest version applies.
create table if not exists public.llm_team_limits (
  version bigint not null,
  team text not null,
  rpm bigint,
  tpm bigint,
  usd_per_day numeric(18, 6),
  timezone text not null default 'UTC',
  written_at timestamptz not null default now(),
  primary key (version, team)
);

comment on table public.llm_team_limits is 'The limits of each team, by version of the policy; null: no limit.';

-- Role of tile readers: it sees no other data and nothing that names a person. Granted to the Data API's role, so that
-- a token may claim it.
do $$
begin
  if not exists (select from pg_roles where rolname = 'llm_dashboard') then
    create role llm_dashboard nologin;
  end if;
  if exists (select from pg_roles where rolname = 'authenticator') then
    grant llm_dashboard to authenticator;
  end if;
end
$$;

grant usage on schema public to service_role, llm_dashboard;

alter table public.llm_usage enable row level security;
alter table public.llm_team_limits enable row level security;

-- Projects older than 2026-10-30 grant all rights to all roles by default.
revoke all on public.llm_usage, public.llm_team_limits from public, anon, authenticated, service_role, llm_dashboard;

-- Rows are immutable: even the secret key cannot change or delete them.
grant select, insert on public.llm_usage to service_role;
grant select, insert, update on public.llm_team_limits to service_role;
grant select (
  request_id, at, day, agent, team, operation, path, stream, model_asked, model, route, cache, bypass, similarity,
  age_ms, input_tokens, cached_input_tokens, audio_input_tokens, output_tokens, reasoning_tokens,
  audio_output_tokens, estimated, cost_usd, saved_usd, latency_ms, first_token_ms, waited_ms, status, http_status,
  degraded, attempts, written_at
) on public.llm_usage to llm_dashboard;
grant select on public.llm_team_limits to llm_dashboard;

drop policy if exists llm_dashboard_reads on public.llm_usage;
create policy llm_dashboard_reads on public.llm_usage for select to llm_dashboard using (true);
drop policy if exists llm_dashboard_reads on public.llm_team_limits;
create policy llm_dashboard_reads on public.llm_team_limits for select to llm_dashboard using (true);
