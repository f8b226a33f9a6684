import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import * as z from 'zod'
import type { Finding } from './finding.ts'

const FILE = 'secrets.json'

/** The declaration of all secrets: which there are, and which variable of which app holds what. */
const declaration = z.strictObject({
  secrets: z.array(
    z.strictObject({
      name: z.string().regex(/^[A-Z][A-Z0-9_]*$/),
      make: z
        .enum([
          'sk-32',
          'team-32',
          'team-43',
          'chars-24',
          'chars-32',
          'hex-32-bytes',
          'base64-32-bytes',
          'pk-lf',
          'sk-lf',
        ])
        .nullable(),
      team: z.string().optional(),
      profile: z.enum(['thin', 'current']).optional(),
      address: z.enum(['redis', 'postgresql', 'smtp']).optional(),
      rotateDays: z.int().min(1).max(365).nullable(),
      purpose: z.string().min(1),
    }),
  ),
  apps: z.record(z.string(), z.record(z.string(), z.string())),
})

/** Variables that the programs in foreign images refuse to start without, from their documentation. */
const REQUIRED: Record<string, string[]> = {
  'langfuse-thin': [
    'DATABASE_URL',
    'DIRECT_URL',
    'NEXTAUTH_URL',
    'NEXTAUTH_SECRET',
    'SALT',
    'ENCRYPTION_KEY',
    'AUTH_DISABLE_SIGNUP',
  ],
  'langfuse-web': [
    ...[
      'DATABASE_URL',
      'DIRECT_URL',
      'NEXTAUTH_URL',
      'NEXTAUTH_SECRET',
      'SALT',
      'ENCRYPTION_KEY',
      'AUTH_DISABLE_SIGNUP',
    ],
    ...[
      'CLICKHOUSE_URL',
      'CLICKHOUSE_MIGRATION_URL',
      'CLICKHOUSE_USER',
      'CLICKHOUSE_PASSWORD',
      'CLICKHOUSE_CLUSTER_ENABLED',
    ],
    ...['REDIS_CONNECTION_STRING', 'LANGFUSE_S3_EVENT_UPLOAD_BUCKET'],
  ],
  'langfuse-worker': [
    ...['DATABASE_URL', 'SALT', 'ENCRYPTION_KEY', 'CLICKHOUSE_URL', 'CLICKHOUSE_USER', 'CLICKHOUSE_PASSWORD'],
    ...['CLICKHOUSE_CLUSTER_ENABLED', 'REDIS_CONNECTION_STRING', 'LANGFUSE_S3_EVENT_UPLOAD_BUCKET'],
  ],
}

/** Apps of the declaration that are no app of Fly: the operator's own commands, and the agents. */
const NO_FLY_APP = new Set(['operator', 'agents'])

/** Checks that every secret that a file uses is declared, and that every declared one is used. */
export function checkSecrets(root: string): Finding[] {
  const text = readFileSync(join(root, FILE), 'utf8')
  const line = (word: string) => lineWith(text, word)
  const find = (word: string, problem: string, fix: string): Finding => ({
    file: FILE,
    line: line(word),
    rule: 'secrets',
    problem,
    fix,
  })
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch (error) {
    return [find('', (error as Error).message, 'Write valid JSON.')]
  }
  const result = declaration.safeParse(raw)
  if (!result.success)
    return result.error.issues.map(({ path, message }) => {
      const entry = (raw as { secrets?: { name?: string }[] }).secrets?.[Number(path[1])]
      return find(entry?.name ?? String(path.at(-1) ?? ''), `${path.join('.')}: ${message}`, 'Correct it.')
    })
  const { secrets, apps } = result.data
  const names = secrets.map(({ name }) => name)
  const used = new Set(
    Object.values(apps).flatMap((variables) => Object.values(variables).flatMap(placeholdersOf)),
  )
  const folders = readdirSync(join(root, 'fly'))
  return [
    ...names
      .filter((name, at) => names.indexOf(name) !== at)
      .map((name) => find(name, `${name} is declared twice`, 'Remove one.')),
    ...names
      .filter((name) => !used.has(name))
      .map((name) => find(name, `no app uses ${name}`, 'Remove it, or give it to an app.')),
    ...[...used]
      .filter((name) => /^[A-Z]/.test(name) && !names.includes(name))
      .map((name) => find(`\${${name}`, `${name} is not declared`, 'Add it to "secrets".')),
    ...Object.keys(apps)
      .filter((app) => !NO_FLY_APP.has(app) && !folders.includes(app))
      .map((app) => find(`"${app}"`, `there is no fly/${app}`, 'Correct the name.')),
    ...folders.flatMap((app) => appFindings(root, app, apps[app], find)),
  ]
}

/** What an app's files say about its variables, against the declaration. */
function appFindings(
  root: string,
  app: string,
  declared: Record<string, string> | undefined,
  find: (word: string, problem: string, fix: string) => Finding,
): Finding[] {
  if (declared === undefined) return [find('"apps"', `fly/${app} is not declared`, `Add "${app}" to "apps".`)]
  const secrets = Object.keys(declared)
  const toml = `fly/${app}/fly.toml`
  const plain = plainVariables(readFileSync(join(root, toml), 'utf8'))
  const at = (file: string, word: string, problem: string, fix: string): Finding => ({
    file,
    line: lineWith(readFileSync(join(root, file), 'utf8'), word),
    rule: 'secrets',
    problem,
    fix,
  })
  const example = `fly/${app}/env.example`
  const listed = existsSync(join(root, example))
    ? [...readFileSync(join(root, example), 'utf8').matchAll(/^([A-Z][A-Z0-9_]*)=(.*)$/gm)]
    : undefined
  const inScripts = scriptsOf(root, app).flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/\$\{([A-Z][A-Z0-9_]*):?\?/g)].map(
      ([, name = '']) => ({
        file,
        name,
      }),
    ),
  )
  return [
    ...secrets
      .filter((name) => plain.includes(name))
      .map((name) => at(toml, name, `${name} is a secret and stands in [env]`, 'Remove it from [env].')),
    ...(listed === undefined
      ? [find(`"${app}"`, `there is no ${example}`, 'A line NAME= for each secret of the app.')]
      : [
          ...secrets
            .filter((name) => !listed.some(([, other]) => other === name))
            .map((name) => at(example, '', `${name} is missing`, `Add the line ${name}=`)),
          ...listed.flatMap(([, name = '', value]) => [
            ...(secrets.includes(name)
              ? []
              : [at(example, name, `${name} is no secret of this app`, `Remove it, or add it to ${FILE}.`)]),
            ...(value === '' ? [] : [at(example, name, `${name} has a value here`, 'Remove the value.')]),
          ]),
        ]),
    ...inScripts
      .filter(({ name }) => !secrets.includes(name) && !plain.includes(name))
      .map(({ file, name }) => at(file, name, `${name} is set nowhere`, `Add it to ${FILE}, or to [env].`)),
    ...(REQUIRED[app] ?? [])
      .filter((name) => !secrets.includes(name) && !plain.includes(name))
      .map((name) => at(toml, '[env]', `the program needs ${name}`, `Add it to ${FILE}, or to [env].`)),
  ]
}

function plainVariables(text: string): string[] {
  try {
    return Object.keys((parse(text).env as Record<string, unknown> | undefined) ?? {})
  } catch {
    // checkFly reports what is wrong with it.
    return []
  }
}

const scriptsOf = (root: string, app: string): string[] => {
  const folder = `fly/${app}/bin`
  return existsSync(join(root, folder))
    ? readdirSync(join(root, folder)).map((name) => `${folder}/${name}`)
    : []
}

/** Returns the names in `${NAME}` and `${NAME|filter}`. */
const placeholdersOf = (value: string): string[] =>
  [...value.matchAll(/\$\{(\w+)(?:\|\w+)?\}/g)].map(([, name = '']) => name)

const lineWith = (text: string, word: string): number =>
  Math.max(
    0,
    text.split('\n').findIndex((line) => line.includes(word)),
  ) + 1
