import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type FakeLangfuse,
  type FakeOpenAI,
  startFakeLangfuse,
  startFakeOpenAI,
} from '@hotdash/llm-gateway-testing'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { BIN, programEnv } from '../command.ts'
import { startSmtp, type TestSmtp } from '../monitor/smtp.ts'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { ensurePostgres, type Postgres, startPostgres } from '../supabase/postgres.ts'
import { startDataApi } from './data-api.ts'
import { ensurePgbouncer, type Pgbouncer, startPgbouncer } from './pgbouncer.ts'
import { freePort } from './ports.ts'

/**
 * Follows docs/runbooks/deploy.md from an empty folder: each command of its sh blocks, in order. Real: Postgres, its
 * pooler, the Data API before it (@supabase/lite), Redis, the start scripts. Stand-ins: upstream, Langfuse, and the programs
 * fly and docker, which record what they are asked and keep what `fly secrets import` reads.
 */
const programs = ensurePostgres()
const hasAll = programs !== undefined && ensurePgbouncer()
const root = fileURLToPath(new URL('../..', import.meta.url))
const SECRET_KEY = 'sb_secret_rehearsal_of_the_deployment'

const work = mkdtempSync(join(tmpdir(), 'rehearsal-'))
const bin = join(work, 'bin')
const folder = join(work, 'deploy')
const closers: (() => unknown)[] = []
let postgres: Postgres
let pooler: Pgbouncer
let redis: RedisServer
let smtp: TestSmtp
let upstream: FakeOpenAI
let langfuse: FakeLangfuse
let dataApi: Awaited<ReturnType<typeof startDataApi>>
let env: Record<string, string>
let given: Record<string, string>

afterAll(async () => {
  for (const close of closers.toReversed()) await close()
  rmSync(work, { recursive: true, force: true })
})

beforeAll(async () => {
  if (!hasAll) return
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
})

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
function sh(line: string, cwd: string, input = '', more: Record<string, string> = {}): Promise<Ran> {
  const child = spawn('sh', ['-euc', line], { cwd, env: { ...env, ...more } })
  // A program that has ended reads nothing: its exit code tells why.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  let out = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (out += String(chunk)))
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out })))
}

/** Starts a start script as Fly does: with the app's secrets and the variables of its fly.toml. */
async function start(
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

const exitOf = (child: ChildProcess) => new Promise<number | null>((resolve) => child.once('exit', resolve))

async function until(condition: () => boolean | Promise<boolean>, failed: () => string): Promise<void> {
  for (let tries = 0; !(await condition()); tries += 1) {
    if (tries > 600) throw new Error(failed())
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Returns the commands of the page's sh blocks, one a line. */
function commandsOf(page: string): string[] {
  return [...page.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = '']) => block.trim().split('\n'))
}

test.skipIf(!hasAll)(
  'the deploy runbook, from an empty folder to agents whose calls are recorded',
  async () => {
    const page = readFileSync(join(root, 'docs/runbooks/deploy.md'), 'utf8')
    const [init = '', cd, ...commands] = commandsOf(page)
    expect([init.split(' ').slice(0, 2).join(' '), cd]).toEqual(['llm-gateway init', 'cd deploy'])
    const poolerPort = await freePort()
    const local = `--supabase-direct 127.0.0.1:${postgres.port} --supabase-pooled 127.0.0.1:${poolerPort} --langfuse-db-user langfuse_app`
    expect(await sh(`${init} ${local}`, work)).toMatchObject({ code: 0 })
    // pgvector is a package of its own, and optional.
    rmSync(join(folder, 'supabase/migrations/20261124000000_llm_semantic.sql'))

    const doctor = commands.findIndex((line) => line.includes('llm-gateway doctor'))
    for (const line of commands.slice(0, doctor)) {
      const name = /secrets set (\w+)/.exec(line)?.[1]
      const { code, out } = await sh(line, folder, name === undefined ? '' : given[name])
      expect(code, `${line}\n${out}`).toBe(0)
      for (const secret of Object.values(given)) expect(out).not.toContain(secret)
    }

    // The vault, and what Fly was asked.
    const vault = join(folder, 'vault/hotrodan/llm-gateway-secrets.json')
    expect(statSync(vault).mode & 0o777).toBe(0o600)
    const asked = readFileSync(join(work, 'fly.log'), 'utf8')
    expect(asked).toContain('redis create --name hotdash-llm-cache')
    expect(asked).toContain(`--build-arg NODE_DIGEST=sha256:${'0'.repeat(64)}`)
    const { secrets } = JSON.parse(readFileSync(vault, 'utf8')) as {
      secrets: Record<string, { value: string }>
    }
    for (const { value } of Object.values(secrets)) expect(asked).not.toContain(value)

    // Langfuse's first boot: migrations straight, then through the pooler, with the addresses that Fly was given.
    const variables = new Map(
      [...readFileSync(join(work, 'hotdash-langfuse.env'), 'utf8').matchAll(/^(\w+)=(.*)$/gm)].map(
        ([, name = '', value = '']) => [name, value],
      ),
    )
    const password = secrets.LANGFUSE_DB_PASSWORD?.value ?? ''
    pooler = await startPgbouncer(poolerPort, postgres.port, { langfuse_app: password })
    closers.push(() => pooler.close())
    const psql = (variable: string, sql: string) =>
      sh(`psql "$ADDRESS" -At -v ON_ERROR_STOP=1 -c '${sql}'`, folder, '', {
        ADDRESS: variables.get(variable)?.split('?')[0] ?? '',
      })
    expect(await psql('DIRECT_URL', 'create table models (id int)')).toMatchObject({ code: 0 })
    expect(await psql('DATABASE_URL', 'insert into models values (1) returning id')).toMatchObject({
      code: 0,
    })
    expect(await postgres.sql('select count(*) from langfuse.models')).toEqual(['1'])
    expect(variables.get('ENCRYPTION_KEY')).toMatch(/^[0-9a-f]{64}$/)

    // Langfuse, with the keys that it was given, and the Data API.
    langfuse = await startFakeLangfuse({
      version: '2.95.12',
      publicKey: variables.get('LANGFUSE_INIT_PROJECT_PUBLIC_KEY') ?? '',
      secretKey: variables.get('LANGFUSE_INIT_PROJECT_SECRET_KEY') ?? '',
    })
    closers.push(() => langfuse.close())
    await dataApi.refresh()

    // The image's start scripts, as processes.
    const port = await freePort()
    const toml = {
      LLM_GATEWAY_POLICY: join(folder, 'fly/gateway/policy.json'),
      LLM_GATEWAY_MONITOR_CONFIG: join(folder, 'fly/gateway/monitor.json'),
      LANGFUSE_BASE_URL: langfuse.baseURL,
      SUPABASE_URL: dataApi.url,
      OPENAI_BASE_URL: upstream.baseURL,
      LISTEN_HOST: '127.0.0.1',
      PORT: String(port),
    }
    const serve = await start('start-serve', toml)
    const address = `http://127.0.0.1:${port}`
    await until(
      () =>
        fetch(`${address}/health/readiness`).then(
          ({ ok }) => ok,
          () => false,
        ),
      () => serve.printed(),
    )

    // The doctor, as the runbook has it.
    const examined = await sh(`${commands[doctor]} --no-host --serve ${address} --json`, folder, '', toml)
    const { findings } = JSON.parse(examined.out) as {
      findings: { area: string; level: string; text: string }[]
    }
    expect(
      findings.filter(({ level }) => level === 'problem'),
      examined.out,
    ).toEqual([])
    expect(examined.code).toBe(0)
    const texts = findings.map(({ area, text }) => `${area}: ${text}`)
    for (const text of [
      'langfuse: a trace arrived, with its cost of $0.00021',
      'supabase: a row landed, with its cost of $0.00021',
      'supabase: and was removed',
      'supabase: all migrations are applied',
      'policy: every team has a key',
      'redis: evicts no keys',
      `serve: ${address} is ready`,
    ])
      expect(texts).toContain(text)
    expect(await postgres.sql('select count(*) from llm_usage')).toEqual(['0'])
    for (const line of commands.slice(doctor + 1))
      expect(await sh(line, folder), line).toMatchObject({ code: 0 })

    // Agents in other languages, with their teams' keys.
    const agent = new OpenAI({ baseURL: `${address}/v1`, apiKey: secrets.PROD_CUSTOMER_KEY?.value ?? '' })
    const question = {
      model: 'gpt-4o-mini',
      messages: [{ role: 'user' as const, content: 'Where is order 17?' }],
    }
    const caches: (string | null)[] = []
    for (const _ of [1, 2]) {
      const { response } = await agent.chat.completions
        .create(question, { headers: { 'x-gateway-agent': 'support' } })
        .withResponse()
      caches.push(response.headers.get('x-gateway-cache'))
    }
    expect(caches).toEqual(['miss', 'exact'])
    const stranger = new OpenAI({
      baseURL: `${address}/v1`,
      apiKey: 'gwk-of-no-team-at-all-but-long',
      maxRetries: 0,
    })
    await expect(stranger.chat.completions.create(question)).rejects.toMatchObject({ status: 401 })

    // The day of the demo, embedded, at the same Redis, Langfuse and Supabase.
    const demo = await sh(
      `node "${join(root, 'examples/demo/main.ts')}" --calls 60 --redis "$LLM_GATEWAY_REDIS_URL" --langfuse ${langfuse.baseURL} --supabase ${dataApi.url}`,
      root,
      '',
      Object.fromEntries(
        [...readFileSync(join(work, 'hotdash-llm-gateway.env'), 'utf8').matchAll(/^(\w+)=(.*)$/gm)].map(
          ([, name = '', value = '']) => [name, value],
        ),
      ),
    )
    // Rows that a busy table did not take in time are in Redis, and serve delivers them: none is lost.
    const broken = [...demo.out.matchAll(/^BROKEN: (.*)$/gm)].map(([, promise = '']) => promise)
    expect(
      broken.filter((promise) => !promise.startsWith('supabase has')),
      demo.out,
    ).toEqual([])
    const calls = /^all +(\d+)/m.exec(demo.out)?.[1] ?? ''
    await until(
      async () =>
        (await postgres.sql("select count(*) from llm_usage where team like 'demo-%'"))[0] === calls,
      () => demo.out,
    )

    // The report, as step 6 has it: a mail with the calls of the day.
    const report = /llm-gateway secrets exec .* report --email .*/.exec(page)?.[0] ?? ''
    expect(await sh(report, folder, '', toml), report).toMatchObject({ code: 0 })
    const [mail] = smtp.mails
    expect(mail?.subject).toContain('LLM gateway')
    expect(mail?.text).toMatch(/The calls cost \$[\s\S]*Cache hit rate/)
    const parts = [
      mail?.text,
      mail?.html,
      ...(mail?.attachments ?? []).map(({ content }) => content.toString()),
    ]
    for (const { value } of Object.values(secrets)) expect(parts.join('\n')).not.toContain(value)

    // The monitor leads, has counted the calls, and knows that no gateway answers at its public name. It ends at SIGTERM; so
    // does serve, with all records delivered.
    const metricsPort = await freePort()
    const monitor = await start('start-monitor', { ...toml, METRICS_PORT: String(metricsPort) })
    const figures = async () => {
      const answer = await fetch(`http://127.0.0.1:${metricsPort}/metrics`).catch(() => undefined)
      return (await answer?.text()) ?? ''
    }
    await until(
      async () => (await figures()).includes('llm_gateway_probe_up{target="gateway"} 0'),
      () => monitor.printed(),
    )
    expect(await figures()).toMatch(/^llm_gateway_monitor_leader 1$/m)
    expect(await figures()).toMatch(/^llm_gateway_spend_today_usd (?!0$)/m)
    for (const child of [monitor, serve]) {
      const ended = exitOf(child)
      child.kill('SIGTERM')
      expect(await ended).toBe(0)
    }
    // Besides, the semantic cache has asked for a vector: HotDash's policy has it in shadow for support.
    const rows = await postgres.sql(
      "select team, cache, count(*) from llm_usage where agent = 'support' and team = 'prod_customer' and operation = 'chat' group by 1, 2 order by 2",
    )
    expect(rows, rows.join('; ')).toEqual(['prod_customer|exact|1', 'prod_customer|miss|1'])
    expect(existsSync(join(work, 'hotdash-llm-gateway.env'))).toBe(true)
  },
)
