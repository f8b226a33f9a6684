import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startFakeLangfuse } from '@hotdash/llm-gateway-testing'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startPgbouncer } from './pgbouncer.ts'
import { freePort } from './ports.ts'
import {
  cleanUp,
  closers,
  commandsOf,
  dataApi,
  exitOf,
  folder,
  given,
  hasAll,
  postgres,
  prepare,
  sh,
  smtp,
  start,
  until,
  upstream,
  work,
} from './rehearsal-kit.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

beforeAll(prepare)
afterAll(cleanUp)

/**
 * Follows docs/runbooks/deploy.md from an empty folder: each command of its sh blocks, in order. Real: Postgres, its
 * pooler, the Data API before it (@supabase/lite), Redis, the start scripts. Stand-ins: upstream, Langfuse, and the programs
 * fly and docker, which record what they are asked and keep what `fly secrets import` reads.
 */
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
    const pooler = await startPgbouncer(poolerPort, postgres.port, { langfuse_app: password })
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
    const langfuse = await startFakeLangfuse({
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
