import { type Supabase, startSupabase } from './server.ts'

/** The one of the running file. */
export let supabase: Supabase

export async function start() {
  supabase = await startSupabase()
}

/** Without faults and without rows. */
export async function empty() {
  await supabase.become('none')
  await supabase.sql('truncate llm_usage, llm_team_limits')
}

export const there = () => ({ url: supabase.url, secretKey: supabase.keys.secret })
export const idsOf = (records: { id: string }[]) => records.map(({ id }) => id).toSorted()
