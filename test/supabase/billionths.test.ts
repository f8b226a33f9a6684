import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CallRecord } from '#src/core/record.ts'
import { rowOf } from '#src/sinks/supabase/row.ts'
import { runs } from '../runs.ts'
import { type Supabase, startSupabase } from './server.ts'

let supabase: Supabase
beforeAll(async () => {
  supabase = await startSupabase()
})
afterAll(() => supabase?.close())

const record = (id: string, more: Partial<CallRecord> = {}): CallRecord => ({
  id,
  startedAt: Date.now(),
  agent: 'seo',
  team: 'billionths',
  tags: [],
  operation: 'chat',
  path: '/v1/chat/completions',
  stream: false,
  model: 'gpt-4o-mini',
  route: 'default',
  cache: 'miss',
  estimated: false,
  latencyMs: 1,
  attempts: [],
  status: 'ok',
  ...more,
})

const write = async (records: CallRecord[]) => {
  const { error } = await supabase
    .as('secret')
    .from('llm_usage')
    .upsert(records.map(rowOf), { onConflict: 'request_id,at', ignoreDuplicates: true, defaultToNull: false })
  expect(error).toBeNull()
}

test('a billionth arrives as a billionth, and sums are exact to the last digit', async () => {
  // Up to a million dollars, of which a float tells every billionth.
  const nanos = fc.oneof(
    fc.nat(10_000),
    fc.maxSafeNat().map((nano) => nano % 1e15),
  )
  const all: bigint[] = []
  await fc.assert(
    fc.asyncProperty(fc.array(nanos, { minLength: 1, maxLength: 50 }), async (some) => {
      const ids = some.map(() => crypto.randomUUID())
      await write(
        some.map((nano, at) => record(ids[at] ?? '', { costUsd: nano / 1e9, savedUsd: nano / 1e9 })),
      )
      const list = ids.map((id) => `'${id}'`).join(',')
      const rows = await supabase.sql(
        `select request_id, cost_usd::text as cost, saved_usd::text as saved from llm_usage where request_id in (${list})`,
      )
      const told = new Map(rows.map(({ request_id, cost, saved }) => [request_id, [cost, saved]]))
      for (const [at, nano] of some.entries()) {
        const digits = String(nano).padStart(10, '0')
        const text = `${digits.slice(0, -9)}.${digits.slice(-9)}`
        expect(told.get(ids[at])).toEqual([text, text])
      }
      all.push(...some.map(BigInt))
    }),
    { numRuns: runs(20) },
  )
  const sum = all.reduce((sum, nano) => sum + nano, 0n)
  const [row] = await supabase.sql(
    `select (sum(cost_usd) * 1000000000)::numeric(40, 0)::text as cost from llm_daily_cost_by_agent where team = 'billionths'`,
  )
  expect(row?.cost).toBe(String(sum))
})

test('the largest amount fits, and what is unknown stays unknown', async () => {
  await write([record('most', { costUsd: 1e12, savedUsd: 0 }), record('unknown')])
  const rows = await supabase.sql(
    "select request_id, cost_usd::text as cost, saved_usd::text as saved from llm_usage where request_id in ('most', 'unknown') order by 1",
  )
  expect(rows).toEqual([
    { request_id: 'most', cost: '999999999.000000000', saved: '0.000000000' },
    { request_id: 'unknown', cost: null, saved: null },
  ])
})

const SCALES = `
  select column_name, numeric_scale from information_schema.columns
  where table_schema = 'public' and table_name = 'llm_usage' and numeric_scale is not null and data_type = 'numeric'
  order by column_name
`
const TO_MILLIONTHS = `
  drop view llm_daily_cost_by_agent, llm_token_usage, llm_cache_hit_rate, llm_top_requests, llm_quota_usage_by_team;
  alter table llm_usage alter column cost_usd type numeric(18, 6), alter column saved_usd type numeric(18, 6);
`

test('a table of millionths becomes one of billionths: rows, tiles and rights are as they were', async () => {
  const own = opened(await startSupabase())
  await own.sql(TO_MILLIONTHS)
  await own.sql(`
    insert into llm_usage (request_id, at, agent, team, operation, path, model, route, cache, status, cost_usd, saved_usd)
    values ('old', now(), 'a', 't', 'chat', '/', 'm', 'default', 'miss', 'ok', 0.000002, null),
      ('dear', now(), 'a', 't', 'chat', '/', 'm', 'default', 'miss', 'ok', 1000000000, 1000000000)
  `)
  await own.migrate()
  await own.migrate()
  expect(await own.sql(SCALES)).toEqual([
    { column_name: 'cost_usd', numeric_scale: 9 },
    { column_name: 'saved_usd', numeric_scale: 9 },
  ])
  expect(
    await own.sql(
      'select request_id, cost_usd::text as cost, saved_usd::text as saved from llm_usage order by 1',
    ),
  ).toEqual([
    { request_id: 'dear', cost: '999999999.000000000', saved: '999999999.000000000' },
    { request_id: 'old', cost: '0.000002000', saved: null },
  ])
  const { data } = await own.as('llm_dashboard').from('llm_top_requests').select('request_id, cost_usd::text')
  expect(data).toEqual([
    { request_id: 'dear', cost_usd: '999999999.000000000' },
    { request_id: 'old', cost_usd: '0.000002000' },
  ])
  const tiles = await own.sql(
    "select relname, reloptions::text as options from pg_class where relkind = 'v' and relname like 'llm\\_%' order by 1",
  )
  expect(tiles).toHaveLength(5)
  for (const { options } of tiles) expect(options).toBe('{security_invoker=true}')
  for (const role of ['anon', 'authenticated'] as const)
    expect((await own.as(role).from('llm_daily_cost_by_agent').select()).error).toMatchObject({
      code: '42501',
    })
  expect(
    (await own.as('secret').from('llm_usage').update({ cost_usd: 0 }).eq('request_id', 'old')).error,
  ).toMatchObject({ code: '42501' })
})

test("a user's own view blocks the migration, which then changes nothing", async () => {
  const own = opened(await startSupabase())
  await own.sql(TO_MILLIONTHS)
  await own.sql('create view mine as select cost_usd from llm_usage')
  await expect(own.migrate()).rejects.toThrow('cannot alter type of a column used by a view')
  expect(await own.sql(SCALES)).toMatchObject([{ numeric_scale: 6 }, { numeric_scale: 6 }])
  await own.sql('drop view mine')
  await own.migrate()
  expect(await own.sql(SCALES)).toMatchObject([{ numeric_scale: 9 }, { numeric_scale: 9 }])
})

const open: Supabase[] = []
function opened(supabase: Supabase): Supabase {
  open.push(supabase)
  return supabase
}
afterAll(async () => void (await Promise.all(open.map((supabase) => supabase.close()))))
