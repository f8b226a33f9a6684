import { createClient, type PostgrestError, type SupabaseClient } from '@supabase/supabase-js'
import * as z from 'zod'
import { UsageError } from '../core/command.ts'
import { costSchema, type Span, type SpanCost, spanSchema } from './span.ts'

const limitsSchema = z.array(
  z.object({
    version: z.number(),
    team: z.string(),
    rpm: z.number().nullable(),
    tpm: z.number().nullable(),
    usd_per_day: z
      .union([z.number(), z.string().transform(Number)])
      .pipe(z.number())
      .nullable(),
    timezone: z.string(),
  }),
)
export type TeamLimits = z.infer<typeof limitsSchema>[number]

export type Source = {
  /** Returns the sums of the calls of a span, in parts. Times are in milliseconds since the epoch. */
  spans: (since: number, until: number) => Promise<Span[]>
  cost: (since: number, until: number) => Promise<SpanCost>
  /** Returns the limits of the highest version of the policy. */
  limits: () => Promise<TeamLimits[]>
}

const MINUTE_MS = 60_000
const DEADLINE_MS = 60_000
/** SQLSTATE: the statement took longer than the database allows. */
const STATEMENT_TIMEOUT = '57014'
/** PostgREST: there is no such function. */
const NO_FUNCTION = 'PGRST202'
const MAX_TEAMS = 1_000

/**
 * Creates the reader of a project's usage. Postgres adds up, so an answer is small whatever the number of calls; a span
 * that takes too long is read as two halves.
 *
 * @throws UsageError where `SUPABASE_URL` or `SUPABASE_SECRET_KEY` is missing
 */
export function createSource(env: NodeJS.ProcessEnv): Source {
  const { SUPABASE_URL: url, SUPABASE_SECRET_KEY: key } = env
  if (!url || !key || !/^https?:\/\//.test(url) || URL.parse(url) === null)
    throw new UsageError(
      'The report reads Supabase: set SUPABASE_URL (https://…) and SUPABASE_SECRET_KEY. llm-gateway secrets exec sets them.',
    )
  const client: SupabaseClient = createClient(url, key, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    // Node 20 has no WebSocket, and the client refuses to start without the class.
    realtime: { transport: EventTarget as never },
  })

  async function call<T>(name: string, since: number, until: number, schema: z.ZodType<T>): Promise<T> {
    const args = { since: new Date(since).toISOString(), until: new Date(until).toISOString() }
    const { data, error, status } = await client.rpc(name, args).abortSignal(AbortSignal.timeout(DEADLINE_MS))
    if (error !== null) throw new SourceError(error, status)
    return parsed(schema, data)
  }

  async function spans(since: number, until: number): Promise<Span[]> {
    try {
      return [await call('llm_report_span', since, until, spanSchema)]
    } catch (error) {
      const middle = Math.floor((since + until) / 2 / MINUTE_MS) * MINUTE_MS
      if (!(error instanceof SourceError && error.isTimeout && since < middle)) throw error
      return [...(await spans(since, middle)), ...(await spans(middle, until))]
    }
  }

  return {
    spans,
    cost: (since, until) => call('llm_report_cost', since, until, costSchema),
    async limits() {
      const { data, error, status } = await client
        .from('llm_team_limits')
        .select('version,team,rpm,tpm,usd_per_day,timezone')
        .order('version', { ascending: false })
        .limit(MAX_TEAMS)
        .abortSignal(AbortSignal.timeout(DEADLINE_MS))
      if (error !== null) throw new SourceError(error, status)
      const rows = parsed(limitsSchema, data)
      return rows.filter(({ version }) => version === rows[0]?.version)
    },
  }
}

function parsed<T>(schema: z.ZodType<T>, data: unknown): T {
  const { data: value, error } = schema.safeParse(data)
  if (error === undefined) return value
  const [issue] = error.issues
  throw new Error(
    `Supabase answers in a form that this version cannot read (${issue?.path.join('.')}: ${issue?.message}): apply its migrations.`,
  )
}

/** An unusable answer of Supabase, with what to do about it. */
class SourceError extends Error {
  override name = 'SourceError' as const
  readonly isTimeout: boolean

  constructor({ code, message, details }: PostgrestError, status: number) {
    super(adviceOn(code, message, status, details))
    this.isTimeout = code === STATEMENT_TIMEOUT || /statement timeout|aborted due to timeout/.test(message)
  }
}

/** The message of a failed `fetch` names no cause; the details do. */
const causeIn = (details: string): string | undefined => /^Caused by: (?:Error: )?(.*)$/m.exec(details)?.[1]

function adviceOn(code: string, message: string, status: number, details: string): string {
  if (status === 401 || status === 403 || code === '42501')
    return 'Supabase refuses SUPABASE_SECRET_KEY, or the migrations are not applied: llm-gateway doctor tells which.'
  if (code === NO_FUNCTION || status === 404)
    return 'Supabase has no function llm_report_span: apply supabase/migrations (docs/runbooks/deploy.md, section Database).'
  if (status === 0)
    return `Supabase cannot be reached (${causeIn(details) ?? message.split('\n', 1)[0]}). Check SUPABASE_URL, and that the project is not paused.`
  return `Supabase failed (${code || status}): ${message.split('\n', 1)[0]}`
}
