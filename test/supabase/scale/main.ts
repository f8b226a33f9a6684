import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ensurePostgres, startPostgres } from '../postgres.ts'
import { generate } from './generate.ts'
import { outline, type Plan, problemsOf, TILES } from './tiles.ts'

/**
 * Tiles, sums and retention at many rows in a real Postgres. Judges plans and results, and only shows times: those go by
 * the machine.
 */
const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    days: { type: 'string', default: '90' },
    plans: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(
    'npm run check:supabase -- [--rows 1000000] [--days 90] [--plans]: needs about 1 GB of disk for a million rows.',
  )
  process.exit(0)
}
const rows = Number(values.rows)
const days = Number(values.days)
const migrations = fileURLToPath(new URL('../../../packages/infra/supabase/migrations/', import.meta.url))
const read = (file: string) => readFileSync(`${migrations}${file}`, 'utf8')
// pgvector is another package, and no tile needs it.
const files = readdirSync(migrations)
  .toSorted()
  .filter((file) => !file.includes('semantic'))

const place = ensurePostgres()
if (place === undefined) {
  console.log('SKIPPED: there is no Postgres server, and none can be installed here.')
  process.exit(0)
}
const postgres = startPostgres(place)
const problems: string[] = []
const show = (what: string, ms: number, more = '') =>
  console.log(`${what.padEnd(34)}${ms.toFixed(0).padStart(9)} ms  ${more}`)

async function timed<T>(
  what: string,
  work: () => Promise<T>,
  more: (found: T) => string = () => '',
): Promise<T> {
  const began = performance.now()
  const found = await work()
  show(what, performance.now() - began, more(found))
  return found
}

/** What the tiles must say: their first definitions, which read the rows themselves. */
const oracle = `create schema oracle; ${read('20261123000100_llm_tiles.sql')
  .split('\nrevoke all on')[0]
  ?.replaceAll('view public.', 'view oracle.')}`
const VIEWS = ['llm_daily_cost_by_agent', 'llm_token_usage', 'llm_cache_hit_rate', 'llm_top_requests']

async function compare(when: string) {
  for (const view of [...VIEWS, 'llm_quota_usage_by_team']) {
    const [different] = await postgres.sql(`
      select count(*) from (
        (select * from oracle.${view} except select * from public.${view})
        union all
        (select * from public.${view} except select * from oracle.${view})
      ) as difference`)
    if (different !== '0')
      problems.push(`${view}, ${when}: ${different} rows are not what the calls add up to`)
  }
}

async function tiles() {
  for (const [name, sql] of Object.entries(TILES)) {
    const explained = await postgres.sql(`set role llm_dashboard; explain (analyze, format json) ${sql};`)
    const [{ Plan: plan, 'Execution Time': ms, 'Planning Time': planning }] = JSON.parse(
      explained.join('\n'),
    ) as [{ Plan: Plan; 'Execution Time': number; 'Planning Time': number }]
    const found = problemsOf(plan, days + 1)
    show(name, ms + planning, found.join('; '))
    if (values.plans) console.log(outline(plan).join('\n'))
    problems.push(...found.map((problem) => `${name}: ${problem}`))
  }
}

/** Deletes the oldest twentieth by `llm_usage_prune`, which answers how many rows went: 500,000 of 10 million. */
async function pruneSome() {
  const some = Math.floor(rows / 20)
  const [age] = await postgres.sql(
    `select now() - at from (select at from llm_usage order by at limit 1 offset ${some}) as cutoff`,
  )
  const counted = async () => Number((await postgres.sql('select count(*) from llm_usage'))[0])
  const before = await counted()
  const [gone] = await timed(
    `prune of ${some} rows`,
    () => postgres.sql(`select llm_usage_prune('${age}')`),
    ([gone]) => `${gone} rows`,
  )
  const missing = before - (await counted())
  // `now()` goes on between the two statements: a few rows more are too old.
  if (Number(gone) < some || missing !== Number(gone))
    problems.push(`a prune of ${some} rows says ${gone}, and ${missing} are gone`)
}

async function sweep() {
  const cutoff = `${Math.floor(days / 2)} days`
  const count = async () => Number((await postgres.sql('select sum(calls) from llm_daily_cost_by_agent'))[0])
  const before = await count()
  // A time-out undoes no slice that was committed. A busy machine needs longer for the first one.
  let limitMs = 700
  const cutOff = async () => {
    await postgres
      .sql(`set statement_timeout = '${limitMs}ms'; call llm_usage_sweep('${cutoff}')`)
      .catch(() => undefined)
    return await count()
  }
  let cut = await cutOff()
  while (cut === before && limitMs < 60_000) {
    limitMs *= 2
    cut = await cutOff()
  }
  show(`sweep, cut off after ${limitMs / 1_000} s`, limitMs, `${before - cut} rows stay deleted`)
  if (rows >= 100_000 && cut === before) problems.push('a sweep that was cut off has deleted nothing')
  const { said } = await postgres.told(`
    load 'auto_explain';
    set auto_explain.log_min_duration = 0;
    set auto_explain.log_nested_statements = on;
    set client_min_messages = log;
    select * from llm_parts.delete_slice('llm_parts.llm_usage_before', '-infinity', now() - interval '${cutoff}', 10000)`)
  if (!/Tid Scan on llm_usage_before/.test(said) || !/Index Scan using \S+ on llm_usage_before/.test(said))
    problems.push(`a slice is not deleted by ctid, found by an index:\n${said}`)
  if (/Seq Scan on llm_usage_(before|default|\d)/.test(said)) problems.push('a slice reads a whole part')
  const [moment = ''] = await postgres.sql(`select now() - interval '${cutoff}'`)
  for (let left = await old(); left > 0; left = await old()) {
    const began = await old()
    await timed(
      'sweep of the older half',
      () => postgres.sql(`call llm_usage_sweep('${cutoff}')`),
      () => `${left} rows`,
    )
    if ((await old()) === began) break
  }
  if ((await old()) > 0) problems.push('a sweep left rows that are too old')

  async function old() {
    const [found] = await postgres.sql(`select count(*) from llm_usage where at < '${moment}'`)
    return Number(found)
  }
}

try {
  await postgres.sql(
    'create role anon nologin; create role authenticated nologin; create role service_role nologin bypassrls;',
  )
  for (const file of files) await postgres.sql(read(file))
  await postgres.sql(oracle)
  await timed(`${rows} rows, and their sums`, () => postgres.sql(generate(rows, days)))
  const [bytes] = await postgres.sql(
    `select sum(pg_total_relation_size(part)) / ${rows} from llm_parts.bounds`,
  )
  console.log(`a row takes ${Number(bytes).toFixed(0)} bytes with its indexes`)
  await tiles()
  await compare('after a rebuild')
  await pruneSome()
  await compare('after the prune')
  await sweep()
  await compare('after the sweep')
} finally {
  postgres.close()
}
for (const problem of problems) console.error(`PROBLEM: ${problem}`)
console.log(problems.length === 0 ? 'All tiles and sums are right.' : `${problems.length} problems.`)
process.exitCode = problems.length === 0 ? 0 : 1
