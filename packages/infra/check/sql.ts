import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensurePostgres, type Postgres, startPostgres } from '../../../test/supabase/postgres.ts'
import type { Finding } from './finding.ts'

/** Roles that every Supabase project has. */
const PLATFORM =
  'create role anon nologin; create role authenticated nologin; create role service_role nologin bypassrls;'

/**
 * Returns the SQL files in the order in which the deploy runbook applies them, as paths from the root of the package.
 * Without those that need pgvector, which is a package of its own, and psql's `\getenv`.
 */
export const sqlFiles = (root: string): string[] => [
  ...readdirSync(join(root, 'supabase/migrations'))
    .toSorted()
    .filter((name) => !name.includes('semantic'))
    .map((name) => `supabase/migrations/${name}`),
  'supabase/langfuse/role.sql',
]

/** Finds migrations with the version of another one: the Supabase CLI keeps one row per version, and refuses the second. */
export function checkVersions(root: string): Finding[] {
  const files = sqlFiles(root).filter((file) => file.includes('/migrations/'))
  const versionOf = (file = '') => /\/(\d+)_/.exec(file)?.[1]
  return files
    .filter((file, at) => versionOf(file) === undefined || versionOf(file) === versionOf(files[at - 1]))
    .map((file) => ({
      file,
      line: 1,
      rule: 'sql-version',
      problem: `another migration has the version ${versionOf(file)}`,
      fix: 'Begin its name with a time of its own, in 14 digits.',
    }))
}

/** Applies all SQL files twice to a new Postgres server. Returns `undefined` where no server can be had. */
export async function checkSql(root: string): Promise<Finding[] | undefined> {
  const programs = ensurePostgres()
  if (programs === undefined) return undefined
  const postgres = startPostgres(programs)
  try {
    await postgres.sql(PLATFORM)
    return await applyTwice(root, postgres)
  } finally {
    postgres.close()
  }
}

async function applyTwice(root: string, postgres: Postgres): Promise<Finding[]> {
  for (const time of ['first', 'second'])
    for (const file of sqlFiles(root)) {
      const error = await postgres.sql(readFileSync(join(root, file), 'utf8')).then(
        () => undefined,
        (error: Error) => error.message,
      )
      if (error === undefined) continue
      const refusal = error.split('\n').find((line) => line.includes('ERROR')) ?? error
      // What later files say would follow from this one.
      return [
        {
          file,
          line: Number(/<stdin>:(\d+)/.exec(refusal)?.[1] ?? 1),
          rule: 'sql',
          problem: `Postgres refuses it the ${time} time: ${refusal.replace(/^psql:\S+ /, '')}`,
          fix:
            time === 'first'
              ? 'Correct the statement.'
              : 'Let it hold as well where it has been applied before.',
        },
      ]
    }
  return []
}
