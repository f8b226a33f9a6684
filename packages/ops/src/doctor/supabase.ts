import { ask, baseUrl } from '../supabase/http.ts'
import { headersOf, type Project } from '../supabase/project.ts'
import type { ProbeCall } from './call.ts'
import { type Finding, findingsOf, type ProbeSettings } from './finding.ts'

const { ok, warning, problem, skipped } = findingsOf('supabase')

const MIGRATE = 'Apply supabase/migrations in order: docs/runbooks/deploy.md, section Database.'

/** Answer of the function `llm_doctor` of the migrations. */
type State = {
  now: string
  tables: Record<string, boolean>
  writes: boolean
  erases: boolean
  readers: string[]
  row_security: boolean | null
  langfuse: { schema: boolean; role: boolean; search_path: string | null; readers: string[]; tables: number }
}

/** What `llm_doctor` answers; else what is wrong with the way to it. `undefined`: Supabase is not configured. */
type Looked = State | Finding | undefined

export const isState = (looked: Looked): looked is State => looked !== undefined && !('level' in looked)

/** Asks the project for its state. */
export async function readState({ env }: ProbeSettings): Promise<Looked> {
  const project = projectOf(env)
  if (project === undefined) return undefined
  const { base, headers } = project
  const answer = await ask(`${base}/rpc/llm_doctor`, { method: 'POST', headers, body: '{}' })
  if (typeof answer === 'string')
    return problem(`cannot be reached: ${answer}`, 'Check SUPABASE_URL, and that the project is not paused.')
  if (answer.status === 401 || answer.status === 403)
    return problem(`refuses the secret key (${answer.status})`, 'llm-gateway secrets set SUPABASE_SECRET_KEY')
  if (answer.status !== 200)
    return problem(
      `migrations are missing, or half applied: there is no function llm_doctor (${answer.status})`,
      MIGRATE,
    )
  return answer.json as State
}

function projectOf(env: NodeJS.ProcessEnv): Project | undefined {
  const base = env.SUPABASE_URL ? baseUrl(env.SUPABASE_URL) : undefined
  const key = env.SUPABASE_SECRET_KEY
  return base === undefined || !key ? undefined : { base: `${base}/rest/v1`, headers: headersOf(key) }
}

/** Looks at migrations, grants and Langfuse's schema, and for the row of a call, which it removes again. */
export async function probeSupabase(
  { env }: ProbeSettings,
  state: Looked,
  call: ProbeCall | undefined,
): Promise<Finding[]> {
  const project = projectOf(env)
  if (state === undefined || project === undefined) return [skipped('not configured')]
  if (!isState(state)) return [state]
  return [
    ...migrationFindings(state),
    ...grantFindings(state),
    ...langfuseFindings(state),
    ...(call === undefined ? [skipped('no row is written with --read-only')] : await findRow(project, call)),
  ]
}

function migrationFindings({ tables }: State): Finding[] {
  const missing = Object.keys(tables).filter((name) => !tables[name])
  return [
    missing.length === 0
      ? ok('all migrations are applied')
      : problem(`migrations are half applied: ${missing.join(', ')} missing`, MIGRATE),
  ]
}

function grantFindings({ writes, erases, readers, row_security: isProtected }: State): Finding[] {
  return [
    writes ? ok('the secret key may write rows') : problem('the secret key may not write rows', MIGRATE),
    ...(erases ? [warning('the secret key may delete rows', MIGRATE)] : []),
    ...(readers.length === 0
      ? [ok('rows are closed to anonymous and signed-in users')]
      : [problem(`${readers.join(' and ')} may read all calls`, MIGRATE)]),
    ...(isProtected === true ? [] : [problem('row level security is off for llm_usage', MIGRATE)]),
  ]
}

function langfuseFindings({ langfuse }: State): Finding[] {
  const { schema, role, search_path: path, readers } = langfuse
  const fix = 'Apply supabase/langfuse/role.sql: docs/runbooks/deploy.md, section Database.'
  if (!schema || !role)
    return [
      warning('Langfuse has no schema or no role here', `${fix} Not needed if its database is elsewhere.`),
    ]
  return [
    path === 'search_path=langfuse'
      ? ok('langfuse_app has its own search_path')
      : problem('langfuse_app has no search_path of its own, so Langfuse fails behind the pooler', fix),
    ...(readers.length === 0 ? [] : [problem(`schema langfuse is open to ${readers.join(', ')}`, fix)]),
  ]
}

async function findRow(
  { base, headers }: Project,
  { session, costUsd, sinks }: ProbeCall,
): Promise<Finding[]> {
  if (sinks?.supabase === undefined || sinks.supabase.delivered === 0)
    return [
      problem(
        `takes no row: ${sinks?.supabase?.lastError ?? 'the sink is off'}`,
        'docs/usage-in-supabase.md, section Failures.',
      ),
    ]
  const query = new URLSearchParams({ session: `eq.${session}`, select: 'request_id,cost_usd' })
  const answer = await ask(`${base}/llm_usage?${query.toString()}`, { headers })
  const [row] = typeof answer === 'string' || !Array.isArray(answer.json) ? [] : (answer.json as Row[])
  if (row === undefined) return [problem('a row was accepted, and is not there', 'Report it.')]
  const landed =
    Number(row.cost_usd) === costUsd
      ? ok(`a row landed, with its cost of $${costUsd}`)
      : problem(`a row landed with a cost of $${row.cost_usd}, not $${costUsd}`, MIGRATE)
  const removed = await ask(`${base}/rpc/llm_doctor_remove`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ id: row.request_id }),
  })
  const isGone = typeof removed !== 'string' && removed.status === 200 && removed.json === 1
  return [
    landed,
    isGone ? ok('and was removed') : warning(`the row ${row.request_id} could not be removed`, MIGRATE),
  ]
}

type Row = { request_id: string; cost_usd: number | string }
