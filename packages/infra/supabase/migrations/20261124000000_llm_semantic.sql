-- Semantic cache in Postgres for `createPgvectorIndex()`, where questions outgrow the memory of one machine.
-- Not needed otherwise. May be run again: entries stay, grants are set again.

create schema if not exists extensions;
create extension if not exists vector with schema extensions;
grant usage on schema extensions to service_role;
-- An earlier installation may be in `public`.
set search_path = public, extensions;

create table if not exists public.llm_semantic (
  -- Partition: an HMAC over everything that two questions must share to share an answer. It reveals only the team.
  partition text collate "C" not null,
  -- A hash of the question.
  id text collate "C" not null,
  -- Used to find neighbours only. The signed vector in `sealed` decides which entry may answer.
  vector halfvec not null,
  -- Vector, question and answer, signed by their writer, in base64. An entry that was changed here is never served.
  sealed text not null,
  expires_at timestamptz not null,
  written_at timestamptz not null default now(),
  primary key (partition, id),
  constraint llm_semantic_sealed_size check (octet_length(sealed) <= 3000000)
);

comment on table public.llm_semantic is 'Answers that may be given to questions in other words.';

create index if not exists llm_semantic_expires_at on public.llm_semantic (expires_at);

-- One index for each vector length in use. Vectors of other lengths are compared one by one, within their partition.
-- Add yours: 256 to 4000.
create index if not exists llm_semantic_vector_256 on public.llm_semantic
  using hnsw ((vector::halfvec(256)) halfvec_cosine_ops) where vector_dims(vector) = 256;
create index if not exists llm_semantic_vector_512 on public.llm_semantic
  using hnsw ((vector::halfvec(512)) halfvec_cosine_ops) where vector_dims(vector) = 512;
create index if not exists llm_semantic_vector_1024 on public.llm_semantic
  using hnsw ((vector::halfvec(1024)) halfvec_cosine_ops) where vector_dims(vector) = 1024;
create index if not exists llm_semantic_vector_3072 on public.llm_semantic
  using hnsw ((vector::halfvec(3072)) halfvec_cosine_ops) where vector_dims(vector) = 3072;

-- Returns the nearest unexpired entries of a partition. `query`: a vector as text, '[1,2,3]'.
create or replace function public.llm_semantic_nearest(of_partition text, query text, wanted integer)
returns table (id text, sealed text)
language plpgsql
volatile
set search_path = public, extensions, pg_temp
as $$
declare
  direction halfvec := query::halfvec;
  dims integer := vector_dims(direction);
begin
  -- A partition is a small part of the table, so the HNSW scan iterates until it has enough rows of it (pgvector 0.8).
  begin
    perform set_config('hnsw.iterative_scan', 'relaxed_order', true);
    perform set_config('hnsw.ef_search', '100', true);
  exception when others then
    null;
  end;
  -- The planner uses the index of a vector length only where the length is a literal.
  return query execute format(
    'select s.id, s.sealed from public.llm_semantic s
     where s.partition = $1 and vector_dims(s.vector) = %1$s and s.expires_at > now()
     order by (s.vector::halfvec(%1$s)) <=> $2::halfvec(%1$s) limit $3',
    dims
  ) using of_partition, direction, least(greatest(wanted, 0), 100);
end
$$;

-- Deletes expired entries, one slice at a time, and returns their number.
create or replace function public.llm_semantic_prune()
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  gone bigint := 0;
  slice bigint;
begin
  loop
    delete from public.llm_semantic
    where (partition, id) in (select partition, id from public.llm_semantic where expires_at <= now() limit 10000);
    get diagnostics slice = row_count;
    gone := gone + slice;
    exit when slice < 10000;
  end loop;
  return gone;
end
$$;

alter table public.llm_semantic enable row level security;
-- Only the secret key may read questions and answers.
revoke all on public.llm_semantic from public, anon, authenticated, service_role;
revoke all on function public.llm_semantic_nearest(text, text, integer) from public, anon, authenticated, service_role;
revoke all on function public.llm_semantic_prune() from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.llm_semantic to service_role;
grant execute on function public.llm_semantic_nearest(text, text, integer) to service_role;
grant execute on function public.llm_semantic_prune() to service_role;

-- Runs every hour where pg_cron is installed (Supabase: Integrations > Cron). Run this again after installing it.
do $$
begin
  if exists (select from pg_extension where extname = 'pg_cron') then
    execute $cron$ select cron.schedule('llm_semantic_prune', '41 * * * *', 'select public.llm_semantic_prune()') $cron$;
  else
    raise notice 'pg_cron is not there: nothing calls llm_semantic_prune() by itself.';
  end if;
end
$$;

reset search_path;
