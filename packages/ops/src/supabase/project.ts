import { printable } from '../cli/format.ts'
import { UsageError } from '../core/command.ts'
import { ask, baseUrl } from './http.ts'

/** The Data API of a project, and headers with its secret key. */
export type Project = { base: string; headers: Record<string, string> }

/**
 * Returns the project that the environment names.
 *
 * @throws UsageError where a variable is missing, or the address is not one
 */
export function requireProject(env: NodeJS.ProcessEnv): Project {
  const { SUPABASE_URL: url = '', SUPABASE_SECRET_KEY: key = '' } = env
  const missing = Object.entries({ SUPABASE_URL: url, SUPABASE_SECRET_KEY: key }).filter(
    ([, value]) => !value,
  )
  if (missing.length > 0)
    throw new UsageError(
      `${missing.map(([name]) => name).join(' and ')} must be set: the rows of calls are in Supabase. With a vault: llm-gateway secrets exec --app operator -- llm-gateway …`,
    )
  const base = baseUrl(url)
  if (base === undefined) throw new UsageError('SUPABASE_URL must be an address that begins with https://.')
  return { base: `${base}/rest/v1`, headers: headersOf(key) }
}

/** New secret keys are no tokens, and are given as apikey only; old ones as both. */
export const headersOf = (key: string): Record<string, string> => ({
  apikey: key,
  'content-type': 'application/json',
  ...(key.startsWith('sb_') ? {} : { authorization: `Bearer ${key}` }),
})

export type Rows = { rows: Record<string, unknown>[]; serverTime?: number }

/**
 * Reads rows of a table or view.
 *
 * @param path with its query, e.g. `llm_usage?limit=1`
 * @throws Error that says what failed and what to do; it holds no key
 */
export async function readRows({ base, headers }: Project, path: string): Promise<Rows> {
  const answer = await ask(`${base}/${path}`, { headers })
  if (typeof answer === 'string')
    throw new Error(
      `Supabase cannot be reached (${answer}). Check SUPABASE_URL, and that the project is not paused.`,
    )
  const { status, json, serverTime } = answer
  if (status === 401 || status === 403)
    throw new Error(
      `Supabase refuses the secret key (${status}). Set SUPABASE_SECRET_KEY to an sb_secret key.`,
    )
  if (status !== 200 || !Array.isArray(json))
    throw new Error(
      `Supabase answered ${status}${messageOf(json)}. Apply the migrations: docs/runbooks/deploy.md.`,
    )
  return { rows: json as Rows['rows'], ...(serverTime !== undefined && { serverTime }) }
}

function messageOf(json: unknown): string {
  const { message } = (json ?? {}) as { message?: unknown }
  return typeof message === 'string' ? `: ${printable(message.slice(0, 200))}` : ''
}

/** Returns a column as text; empty for null and for what is no text or number. */
export const textIn = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : typeof value === 'number' || typeof value === 'boolean'
      ? `${value}`
      : ''

/** Returns a column as a number: PostgREST sends decimals as numbers or as text. 0 for null. */
export const numberIn = (value: unknown): number =>
  typeof value === 'number' ? value : typeof value === 'string' ? Number(value) : 0
