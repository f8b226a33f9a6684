import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { llmGateway } from '../command.ts'
import { type Supabase, startSupabase } from '../supabase/server.ts'

export const folder = mkdtempSync(join(tmpdir(), 'usage-'))
/** The one of the running file. */
export let supabase: Supabase

export async function start() {
  supabase = await startSupabase()
}

export async function stop() {
  await supabase.close()
  rmSync(folder, { recursive: true, force: true })
}

export async function empty() {
  await supabase.sql('truncate llm_usage')
}

export const env = () => ({ SUPABASE_URL: supabase.url, SUPABASE_SECRET_KEY: supabase.keys.secret })
export const usage = (args: string[]) => llmGateway(['usage', ...args], env())

/** Inserts rows numbered from `from` to `to`, which arrive a second apart unless they arrive at `writtenAt`. */
export const insert = (
  from: number,
  to: number,
  writtenAt = "'2026-11-20T10:00:00Z'::timestamptz + n * interval '1 second'",
) =>
  supabase.sql(`insert into llm_usage
    (request_id, at, agent, team, operation, path, model, route, cache, status, cost_usd, input_tokens, written_at)
    select 'call-' || lpad(n::text, 5, '0'), '2026-11-20T09:00:00Z'::timestamptz + n * interval '1 minute',
      case when n % 2 = 0 then 'support' else 'seo' end, 'prod_customer', 'chat', '/chat/completions', 'gpt-4o-mini', 'default',
      'miss', case when n % 10 = 0 then 'failed' else 'ok' end, n * 0.000000001, n, ${writtenAt}
    from generate_series(${from}, ${to}) as n`)
export const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => `call-${String(from + at).padStart(5, '0')}`)
