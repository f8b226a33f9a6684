import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Supabase, startSupabase } from './server.ts'

const VIEWS = [
  'llm_daily_cost_by_agent',
  'llm_token_usage',
  'llm_cache_hit_rate',
  'llm_top_requests',
  'llm_quota_usage_by_team',
]
const TABLES = ['llm_usage', 'llm_team_limits']
/** What the views read. */
const SUMS = ['llm_usage_by_day', 'llm_usage_by_hour', 'llm_usage_by_minute']

/** Statements on the pages, by page. */
const queries = ['usage-in-supabase', 'litellm-side-by-side', 'cutover'].flatMap((page) => {
  const text = readFileSync(new URL(`../../docs/${page}.md`, import.meta.url), 'utf8')
  return [...text.matchAll(/^ *```sql\n(.*?)^ *```/gms)].flatMap(([, block = '']) =>
    [...block.replaceAll(/--.*$/gm, '').matchAll(/\S[^;]*;/g)].map(([query], at) => [
      `${page}, ${at + 1}`,
      query,
    ]),
  )
})

const row = (request_id: string, more: object = {}) => ({
  request_id,
  at: new Date().toISOString(),
  agent: 'support',
  team: 'prod_customer',
  operation: 'chat',
  path: '/v1/chat/completions',
  model: 'gpt-4o-mini',
  route: 'default',
  cache: 'miss',
  cost_usd: '0.010000',
  input_tokens: 10,
  output_tokens: 5,
  latency_ms: 100,
  attempts: 1,
  status: 'ok',
  end_user: 'somebody',
  ...more,
})

describe.each(['everything', 'nothing'] as const)('where new tables grant %s by default', (grants) => {
  let supabase: Supabase
  beforeAll(async () => {
    supabase = await startSupabase(grants)
    const { error } = await supabase
      .as('secret')
      .from('llm_usage')
      .insert([row('a'), row('b')])
    expect(error).toBeNull()
  })
  afterAll(() => supabase?.close())

  test.each([...TABLES, ...SUMS, ...VIEWS])('neither anon nor authenticated may read %s', async (name) => {
    for (const role of ['anon', 'authenticated'] as const) {
      const { data, error } = await supabase.as(role).from(name).select()
      expect(data, role).toBeNull()
      expect(error, role).toMatchObject({ code: '42501' })
    }
  })

  test.each([...TABLES, ...SUMS])(
    'neither anon, authenticated nor the dashboard may write to %s',
    async (name) => {
      for (const role of ['anon', 'authenticated', 'llm_dashboard'] as const) {
        const some: object = name === 'llm_usage' ? row('c') : { team: 'x' }
        const { error } = await supabase.as(role).from(name).insert(some)
        expect(error, role).toMatchObject({ code: '42501' })
        const removal = await supabase.as(role).from(name).delete().neq('team', '')
        expect(removal.error, role).toMatchObject({ code: '42501' })
      }
    },
  )

  test('a row that is written stays: the secret key adds and reads, and neither changes nor deletes', async () => {
    const secret = supabase.as('secret')
    expect((await secret.from('llm_usage').select('request_id').order('request_id')).data).toEqual([
      { request_id: 'a' },
      { request_id: 'b' },
    ])
    const change = await secret.from('llm_usage').update({ cost_usd: 0 }).eq('request_id', 'a')
    expect(change.error).toMatchObject({ code: '42501' })
    const removal = await secret.from('llm_usage').delete().eq('request_id', 'a')
    expect(removal.error).toMatchObject({ code: '42501' })
    const { error } = await secret.rpc('llm_usage_prune', { keep: '1 day' })
    expect(error).not.toBeNull()
  })

  test.each(VIEWS)('the dashboard and the secret key see the rows of %s', async (name) => {
    for (const role of ['llm_dashboard', 'secret'] as const) {
      const { data, error } = await supabase.as(role).from(name).select()
      expect(error, role).toBeNull()
      expect(data?.length, role).toBeGreaterThan(0)
    }
  })

  test('the dashboard sees of a row what tiles are made of, and not who asked', async () => {
    const dashboard = supabase.as('llm_dashboard')
    expect((await dashboard.from('llm_usage').select('request_id, cost_usd')).data).toHaveLength(2)
    for (const column of ['end_user', 'session', 'trace', 'tags', 'error']) {
      const { data, error } = await dashboard.from('llm_usage').select(column)
      expect(data, column).toBeNull()
      expect(error, column).toMatchObject({ code: '42501' })
    }
  })

  test.each(queries)('the query at %s runs', async (_, query) => {
    expect(await supabase.sql(query)).toBeInstanceOf(Array)
  })

  test('views show no more than the table does, even to a role that may read them', async () => {
    await supabase.sql(`grant select on ${VIEWS.join(', ')} to authenticated`)
    for (const name of VIEWS)
      expect((await supabase.as('authenticated').from(name).select()).error).toMatchObject({ code: '42501' })
    await supabase.sql(`grant select on ${[...TABLES, ...SUMS].join(', ')} to authenticated`)
    for (const name of VIEWS)
      expect((await supabase.as('authenticated').from(name).select()).data, name).toEqual([])
    await supabase.migrate()
    for (const name of [...VIEWS, ...TABLES, ...SUMS])
      expect((await supabase.as('authenticated').from(name).select()).error).toMatchObject({ code: '42501' })
  })

  test('the migrations may be run again, and lose nothing', async () => {
    await supabase.migrate()
    await supabase.migrate()
    expect((await supabase.as('secret').from('llm_usage').select()).data).toHaveLength(2)
  })
})

describe('retention', () => {
  let supabase: Supabase
  beforeAll(async () => {
    supabase = await startSupabase()
  })
  afterAll(() => supabase?.close())

  test('what is older than asked for goes, and nothing else does', async () => {
    await supabase.sql(`
      insert into llm_usage (request_id, at, agent, team, operation, path, model, route, cache, latency_ms, status)
      select 'r' || n, now() - n * interval '1 hour', 'a', 't', 'chat', '/', 'm', 'default', 'miss', 1, 'ok'
      from generate_series(1, 13000) as n
    `)
    expect(await supabase.sql("select llm_usage_prune('100 days') as gone")).toEqual([{ gone: 10_601 }])
    expect(await supabase.sql('select count(*)::int as left from llm_usage')).toEqual([{ left: 2_399 }])
    expect(await supabase.sql('select llm_usage_prune() as gone')).toEqual([{ gone: 0 }])
  })

  test('all of it is never deleted by mistake', async () => {
    await expect(supabase.sql("select llm_usage_prune('0')")).rejects.toThrow('less than a day')
    await expect(supabase.sql("select llm_usage_prune('-1 year')")).rejects.toThrow('less than a day')
    await expect(supabase.sql('select llm_usage_prune(null)')).rejects.toThrow()
  })

  test('pg_cron is told to do it every night, where it is there', async () => {
    await supabase.sql(`
      create schema cron;
      create table cron.job (name text primary key, schedule text, command text);
      create function cron.schedule(name text, schedule text, command text) returns void language sql as $$
        insert into cron.job values (name, schedule, command)
        on conflict (name) do update set schedule = excluded.schedule, command = excluded.command
      $$;
      -- PGlite has no pg_cron: this stands in for it, and for its entry in the catalogue.
      insert into pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
      values (99999, 'pg_cron', 10, 'cron'::regnamespace, false, '1.6');
    `)
    await supabase.migrate()
    await supabase.migrate()
    expect(await supabase.sql('select * from cron.job order by name')).toEqual([
      {
        name: 'llm_semantic_prune',
        schedule: '41 * * * *',
        command: 'select public.llm_semantic_prune()',
      },
      { name: 'llm_usage_prune', schedule: '17 3 * * *', command: 'call public.llm_usage_sweep()' },
    ])
  })
})
