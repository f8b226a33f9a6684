import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { type FakeOpenAI, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { BIN, programEnv } from '../command.ts'
import { startSmtp, type TestSmtp } from '../monitor/smtp.ts'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { ensurePostgres, type Postgres, startPostgres } from '../supabase/postgres.ts'
import { startDataApi } from './data-api.ts'
import { ensurePgbouncer } from './pgbouncer.ts'
import { freePort } from './ports.ts'

const programs = ensurePostgres()
export const hasAll = programs !== undefined && ensurePgbouncer()
const SECRET_KEY = 'sb_secret_rehearsal_of_the_deployment'

export const work = mkdtempSync(join(tmpdir(), 'rehearsal-'))
const bin = join(work, 'bin')
export const folder = join(work, 'deploy')
export const closers: (() => unknown)[] = []
/** Those of the rehearsal. */
export let postgres: Postgres
let redis: RedisServer
export let smtp: TestSmtp
export let upstream: FakeOpenAI
export let dataApi: Awaited<ReturnType<typeof startDataApi>>
let env: Record<string, string>
export let given: Record<string, string>

export async function cleanUp() {
  for (const close of closers.toReversed()) await close()
  rmSync(work, { recursive: true, force: true })
}

/** Starts what the operator's machine and the hosts have before the first command. */
export async function prepare() {
  if (programs === undefined || !hasAll) return
  postgres = startPostgres(programs, await freePort())
  closers.push(() => postgres.close())
  await postgres.sql(`
    create role anon nologin; create role authenticated nologin; create role service_role nologin bypassrls;
    create role authenticator noinherit login; grant anon, authenticated, service_role to authenticator;
    grant usage on schema public to anon, authenticated, service_role`)
  await postgres.sql("create role data_api login superuser password 'data'")
  dataApi = await startDataApi(`postgresql://data_api:data@127.0.0.1:${postgres.port}/postgres`, SECRET_KEY)
  closers.push(dataApi.close)
  redis = await startRedis(['--maxmemory', '250mb', '--maxmemory-policy', 'noeviction'])
  closers.push(() => redis.close())
  upstream = await startFakeOpenAI()
  closers.push(() => upstream.close())
  mkdirSync(bin)
  program('llm-gateway', `exec "${process.execPath}" "${BIN}" "$@"`)
  program('fly', FLY)
  program('docker', `echo sha256:${'0'.repeat(64)}`)
  env = {
    ...programEnv(),
    PATH: [bin, dirname(process.execPath), process.env.PATH].join(delimiter),
    HOME: work,
    FLY_STATE: work,
  }
  smtp = await startSmtp()
  closers.push(() => smtp.close())
  given = {
    OPENAI_API_KEY: 'sk-rehearsal',
    REDIS_URL: redis.url,
    SUPABASE_SECRET_KEY: SECRET_KEY,
    SUPABASE_DB_URL: postgres.url,
    LLM_GATEWAY_SMTP_URL: smtp.url,
  }
}

/** Records its words; keeps the variables that it is to import, by app. */
const FLY = `echo "$*" >> "$FLY_STATE/fly.log"
case "$*" in *"secrets import"*)
  while [ "$1" != --app ]; do shift; done
  cat > "$FLY_STATE/$2.env";;
esac`

function program(name: string, script: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(bin, name), 0o755)
}

type Ran = { code: number | null; out: string }

/** Runs a line of the runbook as an operator's shell would, in a pipe. */
export function sh(line: string, cwd: string, input = '', more: Record<string, string> = {}): Promise<Ran> {
  const child = spawn('sh', ['-euc', line], { cwd, env: { ...env, ...more } })
  // A program that has ended reads nothing: its exit code tells why.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  let out = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (out += String(chunk)))
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out })))
}

/** Starts a start script as Fly does: with the app's secrets and the variables of its fly.toml. */
export async function start(
  script: string,
  more: Record<string, string>,
): Promise<ChildProcess & { printed: () => string }> {
  const secrets = readFileSync(join(work, 'hotdash-llm-gateway.env'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(/=(.*)/s).slice(0, 2))
  const child = spawn(join(folder, 'fly/gateway/bin', script), {
    env: { ...env, ...Object.fromEntries(secrets), ...more },
  })
  closers.push(() => child.kill('SIGKILL'))
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (printed += String(chunk)))
  return Object.assign(child, { printed: () => printed })
}

export const exitOf = (child: ChildProcess) =>
  new Promise<number | null>((resolve) => child.once('exit', resolve))

export async function until(
  condition: () => boolean | Promise<boolean>,
  failed: () => string,
): Promise<void> {
  for (let tries = 0; !(await condition()); tries += 1) {
    if (tries > 600) throw new Error(failed())
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Returns the commands of the page's sh blocks, one a line. */
export function commandsOf(page: string): string[] {
  return [...page.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = '']) => block.trim().split('\n'))
}
