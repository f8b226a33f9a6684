import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runs } from '../runs.ts'
import { emptyPostgres } from './template.ts'

const migrations = fileURLToPath(new URL('../../packages/infra/supabase/migrations/', import.meta.url))
const read = (file: string) => readFileSync(`${migrations}${file}`, 'utf8')
const files = readdirSync(migrations)
  .toSorted()
  .filter((file) => !file.includes('semantic'))
const before = files.filter((file) => file < '20261129000200')

/** The tiles as they were first defined, which read the rows themselves. */
const oracle = `create schema oracle; ${read('20261123000100_llm_tiles.sql')
  .split('\nrevoke all on')[0]
  ?.replaceAll('view public.', 'view oracle.')}`
const VIEWS = [
  'llm_daily_cost_by_agent',
  'llm_token_usage',
  'llm_cache_hit_rate',
  'llm_top_requests',
  'llm_quota_usage_by_team',
]

let db: PGlite
const rowsOf = async (sql: string) => (await db.query<Record<string, unknown>>(sql)).rows
const count = async (from: string) => Number((await rowsOf(`select count(*) as n from ${from}`))[0]?.n)

const some = `
  insert into llm_usage (request_id, at, agent, team, operation, path, model, route, cache, cost_usd, status)
  select 'old-' || n, now() - n * interval '7 hours', 'a' || n % 3, 't' || n % 2, 'chat', '/', 'm', 'default',
    'miss', abs(n) / 1000.0, 'ok'
  from generate_series(-300, 3000) as n
`

beforeAll(async () => {
  db = await PGlite.create({ loadDataDir: await emptyPostgres() })
  await db.exec(
    'create role anon nologin; create role authenticated nologin; create role service_role nologin bypassrls',
  )
  for (const file of before) await db.exec(read(file))
  await db.exec(some)
  for (const file of [...files, ...files]) await db.exec(read(file))
  await db.exec(oracle)
})
afterAll(() => db?.close())

/** Every tile says what the rows add up to. An empty sum may be written as 0 or as 0.000. */
async function compare() {
  for (const view of VIEWS) {
    const both = await rowsOf(`
      (select 'rows' as of, * from (select * from oracle.${view} except select * from public.${view}) as more)
      union all
      (select 'sums' as of, * from (select * from public.${view} except select * from oracle.${view}) as less)`)
    expect(both, view).toEqual([])
  }
}

test('a table that was there becomes the first part, keeps its rows, and is summed up', async () => {
  expect(await count('llm_usage')).toBe(3301)
  expect(await count('llm_parts.llm_usage_before')).toBeGreaterThan(3000)
  expect(await count('llm_parts.llm_usage_default')).toBe(0)
  // Rows of clocks that are ahead are in the months they name.
  expect(
    await count("llm_usage where at >= date_trunc('month', now(), 'UTC') + interval '1 month'"),
  ).toBeGreaterThan(0)
  await compare()
})

const day = fc.integer({ min: -40, max: 3 })
const row = fc.record({
  id: fc.integer({ min: 0, max: 40 }),
  day,
  second: fc.integer({ min: 0, max: 86_399 }),
  agent: fc.constantFrom('a', 'b'),
  team: fc.constantFrom('t', 'u'),
  operation: fc.constantFrom('chat', 'chat', 'other'),
  model: fc.constantFrom('m', 'n'),
  cache: fc.constantFrom('exact', 'semantic', 'flight', 'stale', 'miss', 'bypass'),
  status: fc.constantFrom('ok', 'refused'),
  attempts: fc.integer({ min: 0, max: 2 }),
  input: fc.option(fc.integer({ min: 0, max: 50 })),
  output: fc.option(fc.integer({ min: 0, max: 50 })),
  cost: fc.option(fc.constantFrom('0', '0.000000001', '0.25', '1')),
  saved: fc.option(fc.constantFrom('0', '0.5')),
  estimated: fc.boolean(),
})
type Row = typeof row extends fc.Arbitrary<infer T> ? T : never

const literal = (value: string | number | boolean | null) =>
  value === null ? 'null' : typeof value === 'string' ? `'${value}'` : String(value)

/** `at` goes with the id, as it does in the gateway. */
const valuesOf = (given: Row) => {
  const at = `date_trunc('day', now(), 'UTC') + interval '${given.day} days ${given.second} seconds'`
  const {
    id,
    agent,
    team,
    operation,
    model,
    cache,
    status,
    attempts,
    input,
    output,
    cost,
    saved,
    estimated,
  } = given
  const rest = [
    agent,
    team,
    operation,
    '/',
    model,
    'default',
    cache,
    status,
    attempts,
    input,
    output,
    cost,
    saved,
    estimated,
  ]
  return `(${literal(`r-${id}-${given.day}-${given.second}`)}, ${at}, ${rest.map(literal).join(', ')})`
}
const insert = (given: Row[]) => `
  insert into llm_usage (request_id, at, agent, team, operation, path, model, route, cache, status, attempts,
    input_tokens, output_tokens, cost_usd, saved_usd, estimated)
  values ${given.map(valuesOf).join(', ')} on conflict (request_id, at) do nothing`

const step = fc.oneof(
  { weight: 5, arbitrary: fc.array(row, { minLength: 1, maxLength: 8 }).map(insert) },
  { weight: 2, arbitrary: day.map((n) => `delete from llm_usage where day = current_date + ${n}`) },
  {
    weight: 1,
    arbitrary: day.map((n) => `delete from llm_parts.llm_usage_before where day < current_date + ${n}`),
  },
  {
    weight: 1,
    arbitrary: fc.constant("update llm_usage set cache = 'exact', cost_usd = null where agent = 'a'"),
  },
  { weight: 1, arbitrary: fc.constant("select llm_usage_prune('20 days')") },
  { weight: 1, arbitrary: fc.constant("call llm_usage_sweep('10 days')") },
  { weight: 1, arbitrary: fc.constant('truncate llm_usage') },
)

test('whatever is done to the rows, the tiles say what they add up to, and rows that come twice are there once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 5 }), async (steps) => {
      for (const sql of steps) {
        await db.exec(sql)
        if (!sql.includes('insert')) continue
        const there = await count('llm_usage')
        await db.exec(sql)
        expect(await count('llm_usage')).toBe(there)
      }
      await compare()
    }),
    { numRuns: runs(20) },
  )
})

test('months that are too old go as a whole, and the days of the sums with them', async () => {
  await db.exec(`
    truncate llm_usage;
    alter table llm_usage detach partition llm_parts.llm_usage_before;
    drop table llm_parts.llm_usage_before;
    create table llm_parts.llm_usage_2020_01 partition of llm_usage for values from ('2020-01-01Z') to ('2020-02-01Z');
    create table llm_parts.llm_usage_2020_02 partition of llm_usage for values from ('2020-02-01Z') to ('2020-03-01Z');
    select llm_parts.close('llm_parts.llm_usage_2020_01'), llm_parts.close('llm_parts.llm_usage_2020_02');
    insert into llm_usage (request_id, at, agent, team, operation, path, model, route, cache, status)
    select 'r' || n, '2020-01-01Z'::timestamptz + n * interval '1 hour', 'a', 't', 'chat', '/', 'm', 'default', 'miss', 'ok'
    from generate_series(0, 60 * 24 - 1) as n;
  `)
  const [{ keep = '' } = {}] = (await rowsOf(
    "select (now() - '2020-02-09 23:30Z'::timestamptz)::text as keep",
  )) as {
    keep: string
  }[]
  const [gone] = await rowsOf(`select llm_usage_prune('${keep}') as gone`)
  expect(gone).toEqual({ gone: 40 * 24 })
  expect(await rowsOf("select to_regclass('llm_parts.llm_usage_2020_01') as part")).toEqual([{ part: null }])
  expect(await count('llm_usage')).toBe(20 * 24)
  await compare()
})

test('rows beyond the last month wait in the default part, and move when their month is made', async () => {
  await db.exec(`
    truncate llm_usage;
    insert into llm_usage (request_id, at, agent, team, operation, path, model, route, cache, status)
    select 'far-' || n, now() + n * interval '1 month', 'a', 't', 'chat', '/', 'm', 'default', 'miss', 'ok'
    from generate_series(0, 18) as n;
  `)
  expect(await count('llm_parts.llm_usage_default')).toBeGreaterThan(3)
  await db.exec('select llm_parts.add_months(30)')
  expect(await count('llm_parts.llm_usage_default')).toBe(0)
  expect(await count('llm_usage')).toBe(19)
  await compare()
})
