import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Supabase, startSupabase } from './server.ts'

let supabase: Supabase
const MONDAY = '2026-03-02'
const TUESDAY = '2026-03-03'

type Given = { at: string; agent?: string; team?: string } & Record<string, unknown>
let written = 0
const write = async (rows: Given[]) => {
  const defaults = {
    agent: 'support',
    team: 'prod_customer',
    operation: 'chat',
    path: '/v1/chat/completions',
    model: 'gpt-4o-mini',
    route: 'default',
    cache: 'miss',
    latency_ms: 100,
    attempts: 1,
    status: 'ok',
  }
  const full = rows.map((row) => {
    written += 1
    return { request_id: `r${String(written).padStart(3, '0')}`, ...defaults, ...row }
  })
  const { error } = await supabase
    .as('secret')
    .from('llm_usage')
    .upsert(full, { onConflict: 'request_id,at', ignoreDuplicates: true, defaultToNull: false })
  expect(error).toBeNull()
}

/** As a dashboard reads it. Exact numbers come as texts. */
async function tile(view: string, columns: string, order: string[], from = MONDAY) {
  let asked = supabase.as('llm_dashboard').from(view).select(columns).gte('day', from)
  for (const column of order) asked = asked.order(column)
  const { data, error } = await asked
  expect(error).toBeNull()
  return data
}

const served = (cache: string, saved_usd: string) => ({ cache, cost_usd: '0', saved_usd, attempts: 0 })

beforeAll(async () => {
  supabase = await startSupabase()
  await write([
    {
      at: `${MONDAY}T00:00:00Z`,
      cost_usd: '0.000001',
      input_tokens: 100,
      cached_input_tokens: 40,
      output_tokens: 7,
    },
    {
      at: `${MONDAY}T00:59:59.999Z`,
      cost_usd: '0.300000',
      input_tokens: 50,
      output_tokens: 3,
      reasoning_tokens: 2,
    },
    {
      at: `${MONDAY}T01:00:00Z`,
      ...served('exact', '0.250000'),
      saved_usd: '0.250000',
      input_tokens: 50,
      output_tokens: 3,
    },
    { at: `${MONDAY}T01:10:00Z`, ...served('semantic', '0.100000'), similarity: 0.97 },
    { at: `${MONDAY}T01:20:00Z`, ...served('flight', '0.050000'), input_tokens: 10, output_tokens: 1 },
    { at: `${MONDAY}T01:30:00Z`, ...served('stale', '0.010000') },
    { at: `${MONDAY}T02:00:00Z`, cache: 'bypass', cost_usd: null, estimated: true, input_tokens: 5 },
    { at: `${MONDAY}T03:00:00Z`, agent: 'seo', team: 'prod_background', model: 'gpt-4o', cost_usd: '1.2' },
    {
      at: `${MONDAY}T03:00:00Z`,
      agent: 'seo',
      team: 'prod_background',
      operation: 'other',
      cache: 'bypass',
      cost_usd: '0',
    },
    // A day later by a millisecond, in a zone of its own.
    { at: `${TUESDAY}T02:00:00.000+02:00`, cost_usd: '0.7' },
    { at: `${MONDAY}T23:59:59.999Z`, cost_usd: '0.000002' },
  ])
})
afterAll(() => supabase?.close())

test('daily cost by agent: what is known to have been spent, and how many calls are not in it', async () => {
  expect(
    await tile(
      'llm_daily_cost_by_agent',
      'day, team, agent, calls, cost_usd::text, saved_usd::text, unpriced',
      ['day', 'agent'],
    ),
  ).toEqual([
    {
      day: MONDAY,
      team: 'prod_background',
      agent: 'seo',
      calls: 2,
      cost_usd: '1.200000000',
      saved_usd: '0',
      unpriced: 0,
    },
    {
      day: MONDAY,
      team: 'prod_customer',
      agent: 'support',
      calls: 8,
      cost_usd: '0.300003000',
      saved_usd: '0.410000000',
      unpriced: 1,
    },
    {
      day: TUESDAY,
      team: 'prod_customer',
      agent: 'support',
      calls: 1,
      cost_usd: '0.700000000',
      saved_usd: '0',
      unpriced: 0,
    },
  ])
})

test('token usage: by the hour, and what caches answered apart', async () => {
  const columns =
    'hour, agent, model, calls, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, served_calls, served_tokens, estimated_calls'
  const rows = await tile('llm_token_usage', columns, ['hour', 'agent'])
  const counts = (rows ?? []).map((row) =>
    Object.values(row as object)
      .slice(1)
      .join(' '),
  )
  expect(counts).toEqual([
    'support gpt-4o-mini 2 150 40 10 2 0 0 0',
    'support gpt-4o-mini 0 0 0 0 0 4 64 0',
    'support gpt-4o-mini 1 5 0 0 0 0 0 1',
    'seo gpt-4o 1 0 0 0 0 0 0 0',
    'support gpt-4o-mini 1 0 0 0 0 0 0 0',
    'support gpt-4o-mini 1 0 0 0 0 0 0 0',
  ])
  const hours = (rows ?? []).map((row) => new Date(String((row as unknown as { hour: string }).hour)))
  expect(hours.map((hour) => hour.toISOString())).toEqual(
    [`${MONDAY}T00`, `${MONDAY}T01`, `${MONDAY}T02`, `${MONDAY}T03`, `${MONDAY}T23`, `${TUESDAY}T00`].map(
      (hour) => `${hour}:00:00.000Z`,
    ),
  )
})

test('cache hit rate: of the calls that asked a cache, exact and by meaning, and what they saved', async () => {
  const columns =
    'agent, asked, exact, semantic, flight, stale, miss, bypass, hit_rate::text, exact_rate::text, semantic_rate::text, saved_usd::text, exact_saved_usd::text, semantic_saved_usd::text'
  const rows = await tile('llm_cache_hit_rate', columns, ['day', 'agent'])
  expect((rows ?? []).map((row) => Object.values(row as object).join(' '))).toEqual([
    'seo 1 0 0 0 0 1 0 0.0000 0.0000 0.0000 0 0 0',
    'support 7 1 1 1 1 3 1 0.5714 0.1429 0.1429 0.410000000 0.250000000 0.100000000',
    'support 1 0 0 0 0 1 0 0.0000 0.0000 0.0000 0 0 0',
  ])
})

test('the most expensive requests of any span of days are the first of its days', async () => {
  const day = '2025-06-'
  await write(
    Array.from({ length: 45 }, (_, at) => ({
      at: `${day}${String(1 + (at % 3)).padStart(2, '0')}T10:00:00Z`,
      cost_usd: ((at * 7) % 45) / 100,
    })),
  )
  const { data } = await supabase
    .as('llm_dashboard')
    .from('llm_top_requests')
    .select('day, rank_of_day, cost_usd::text, request_id')
    .gte('day', `${day}02`)
    .lte('day', `${day}03`)
    .order('cost_usd', { ascending: false })
    .limit(10)
  const truth = await supabase.sql(
    `select request_id from llm_usage where day between '${day}02' and '${day}03' order by cost_usd desc limit 10`,
  )
  expect(data?.map(({ request_id }) => request_id)).toEqual(truth.map(({ request_id }) => request_id))
  expect(data?.[0]).toMatchObject({ rank_of_day: 1 })
  const { count } = await supabase
    .as('llm_dashboard')
    .from('llm_top_requests')
    .select('*', { count: 'exact', head: true })
    .eq('day', `${day}01`)
  expect(count).toBe(10)
})

test('quota usage by team: today in the zone of the policy, against the limits of its newest version', async () => {
  const secret = supabase.as('secret')
  const timezone = 'Pacific/Kiritimati'
  const limits = await secret.from('llm_team_limits').insert([
    { version: 1, team: 'gone', rpm: 5, tpm: 5, usd_per_day: 5, timezone: 'UTC' },
    { version: 1, team: 'busy', rpm: 1, tpm: 1, usd_per_day: 1, timezone: 'UTC' },
    { version: 2, team: 'busy', rpm: 10, tpm: 1000, usd_per_day: 2, timezone },
    { version: 2, team: 'idle', rpm: 20, tpm: 2000, usd_per_day: null, timezone },
  ])
  expect(limits.error).toBeNull()
  const [{ since = '', today = '' } = {}] = (await supabase.sql(`
    select to_char(date_trunc('day', now(), '${timezone}') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as since,
      (now() at time zone '${timezone}')::date::text as today
  `)) as { since: string; today: string }[]
  const after = (ms: number) => new Date(Date.parse(since) + ms).toISOString()
  const tokens = { input_tokens: 100, output_tokens: 50 }
  await write([
    { at: after(-1), team: 'busy', cost_usd: '1.9', ...tokens },
    { at: after(0), team: 'busy', cost_usd: '0.25', ...tokens },
    { at: after(59_999), team: 'busy', cost_usd: '0.25', attempts: 2, ...tokens },
    { at: after(60_000), team: 'busy', cost_usd: null, ...tokens },
    { at: after(61_000), team: 'busy', ...served('exact', '1'), ...tokens },
    { at: after(62_000), team: 'busy', status: 'refused', cost_usd: '0', attempts: 0 },
    { at: after(63_000), team: 'busy', operation: 'other', cache: 'bypass', cost_usd: '9' },
    { at: after(0), team: 'free', cost_usd: '0.125', ...tokens },
  ])
  const { data } = await supabase
    .as('llm_dashboard')
    .from('llm_quota_usage_by_team')
    .select(
      'day, team, calls, refused, cost_usd::text, usd_per_day::text, usd_used::text, unpriced, busiest_minute_requests, rpm, rpm_used::text, busiest_minute_tokens, tpm, tpm_used::text',
    )
    .order('team')
  expect(data?.map((row) => Object.values(row).map(String).join(' '))).toEqual([
    `${today} busy 5 1 0.500000000 2.000000 0.2500 1 3 10 0.3000 300 1000 0.3000`,
    `${today} free 1 0 0.125000000 null null 0 1 null null 150 null null`,
    `${today} idle 0 0 0 null null 0 0 20 0.0000 0 2000 0.0000`,
  ])
})
