import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hotdashPolicy } from '@hotdash/llm-gateway'
import { startFakeLangfuse, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { BIN, llmGateway } from '../command.ts'
import { startSmtp } from '../monitor/smtp.ts'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { type Supabase, startSupabase } from '../supabase/server.ts'

type Finding = { area: string; level: string; text: string; fix?: string }

let redis: RedisServer
let supabase: Supabase
const folder = mkdtempSync(join(tmpdir(), 'doctor-'))
const closers: (() => unknown)[] = []
const closedAfterTest: (() => unknown)[] = []
beforeAll(async () => {
  redis = await startRedis(['--maxmemory-policy', 'noeviction'])
  supabase = await startSupabase()
  closers.push(
    () => redis.close(),
    () => supabase.close(),
  )
})
afterEach(async () => {
  for (const close of closedAfterTest.splice(0)) await close()
  await supabase.become('none')
})
afterAll(async () => {
  for (const close of closers) await close()
  rmSync(folder, { recursive: true })
})

async function doctor(env: Record<string, string>, args: string[] = []) {
  const { code, out, err } = await llmGateway(['doctor', '--dir', folder, '--json', ...args], env)
  if (out === '') throw new Error(err)
  const { findings, healthy } = JSON.parse(out) as { findings: Finding[]; healthy: boolean }
  return {
    code,
    healthy,
    out,
    problems: findings.filter(({ level }) => level === 'problem').map(({ area, text }) => `${area}: ${text}`),
    warnings: findings.filter(({ level }) => level === 'warning').map(({ area, text }) => `${area}: ${text}`),
    texts: findings.map(({ area, text }) => `${area}: ${text}`),
    findings,
  }
}

const supabaseEnv = () => ({ SUPABASE_URL: supabase.url, SUPABASE_SECRET_KEY: supabase.keys.secret })

async function langfuseAt(version: '2.95.12' | '4.16.0') {
  const langfuse = await startFakeLangfuse({ version })
  closedAfterTest.push(() => langfuse.close())
  const { baseURL, publicKey, secretKey } = langfuse
  return {
    langfuse,
    env: { LANGFUSE_BASE_URL: baseURL, LANGFUSE_PUBLIC_KEY: publicKey, LANGFUSE_SECRET_KEY: secretKey },
  }
}

test.each(['2.95.12', '4.16.0'] as const)(
  'a trace arrives at Langfuse %s and is found with its cost',
  async (version) => {
    const { env, langfuse } = await langfuseAt(version)
    const upstream = await startFakeOpenAI()
    closedAfterTest.push(() => upstream.close())
    const { texts, problems, code } = await doctor({
      ...env,
      OPENAI_API_KEY: 'sk-x',
      OPENAI_BASE_URL: upstream.baseURL,
      LLM_GATEWAY_REDIS_URL: redis.url,
    })
    expect(problems).toEqual([])
    expect(code).toBe(0)
    expect(texts).toContain('langfuse: a trace arrived, with its cost of $0.00021')
    expect([...langfuse.observations.values()].map(({ costUsd }) => costUsd)).toEqual([0.00021])
    expect(langfuse.malformed).toEqual([])
    // The call was made up, and nothing of it is in Redis.
    expect(upstream.requests.map(({ path }) => path)).toEqual(['/v1/models'])
    expect(await redis.admin.keys('*')).toEqual([])
  },
)

test('a row lands in Supabase with its cost, and is removed', async () => {
  const { texts, problems } = await doctor({
    ...supabaseEnv(),
    OPENAI_API_KEY: 'sk-x',
    OPENAI_BASE_URL: 'http://127.0.0.1:1',
  })
  expect(problems).toEqual([expect.stringMatching(/^upstream: http:\/\/127\.0\.0\.1:1 cannot be reached/)])
  expect(texts).toEqual(
    expect.arrayContaining([
      'supabase: a row landed, with its cost of $0.00021',
      'supabase: and was removed',
    ]),
  )
  expect(await supabase.sql('select count(*)::int as count from llm_usage')).toEqual([{ count: 0 }])
  expect(
    await supabase.sql('select coalesce(sum(calls), 0)::int as calls from llm_daily_cost_by_agent'),
  ).toEqual([{ calls: 0 }])
})

test('where migrations are missing, no row is written that nothing could remove', async () => {
  await supabase.sql('alter function llm_doctor() rename to other')
  try {
    const { env } = await langfuseAt('2.95.12')
    const { problems, texts } = await doctor({ ...supabaseEnv(), ...env })
    expect(problems).toContainEqual(
      expect.stringMatching(/^supabase: migrations are missing, or half applied: /),
    )
    expect(texts).toContain('langfuse: a trace arrived, with its cost of $0.00021')
    const rows = "select count(*)::int as count from llm_usage where agent = 'llm-gateway-doctor'"
    expect(await supabase.sql(rows)).toEqual([{ count: 0 }])
  } finally {
    await supabase.sql('alter function other() rename to llm_doctor')
  }
})

test('an address that the client refuses is a problem among the others', async () => {
  const { problems, texts } = await doctor({
    ...supabaseEnv(),
    LANGFUSE_BASE_URL: 'nonsense',
    LANGFUSE_PUBLIC_KEY: 'pk-lf-x',
    LANGFUSE_SECRET_KEY: 'sk-lf-x',
  })
  expect(problems).toEqual(
    expect.arrayContaining([
      'environment: LANGFUSE_BASE_URL is no address',
      expect.stringMatching(/^environment: .*LANGFUSE_BASE_URL.*must be/),
    ]),
  )
  expect(texts).toContainEqual(expect.stringMatching(/^policy: /))
})

test('it logs in at the mail server without a mail, and tells what is wrong there', async () => {
  const smtp = await startSmtp()
  closedAfterTest.push(() => smtp.close())
  const mailOf = async (url: string) => {
    const { findings, out } = await doctor({ LLM_GATEWAY_SMTP_URL: url }, ['--read-only'])
    expect(out).not.toContain('p%40ss')
    return findings.find(({ area }) => area === 'mail')
  }
  expect(await mailOf(smtp.url)).toMatchObject({
    level: 'ok',
    text: expect.stringMatching(/^127\.0\.0\.1:\d+ accepts the login$/),
  })
  expect(await mailOf(smtp.url.replace('p%40ss', 'wrong'))).toMatchObject({
    level: 'problem',
    text: expect.stringMatching(/EAUTH 535/),
    fix: expect.stringMatching(/^Check user and password: /),
  })
  expect(await mailOf('smtp://monitor:p%40ss@127.0.0.1:1')).toMatchObject({
    level: 'problem',
    fix: expect.stringMatching(/^Check host and port /),
  })
  expect(await mailOf('smtp.example.com')).toMatchObject({ level: 'problem' })
  expect(smtp.mails).toEqual([])
})

test('the function that removes the row removes no other', async () => {
  await supabase.sql(`insert into llm_usage (request_id, at, agent, team, operation, path, model, route, cache, status)
    values ('r', now(), 'support', 't', 'chat', '/v1/chat/completions', 'm', 'default', 'miss', 'ok')`)
  expect(await supabase.sql("select llm_doctor_remove('r') as removed")).toEqual([{ removed: 0 }])
  expect((await supabase.as('anon').rpc('llm_doctor')).error).not.toBeNull()
  expect((await supabase.as('authenticated').rpc('llm_doctor_remove', { id: 'r' })).error).not.toBeNull()
})

test('what is wrong with Supabase is named: key, grants, migrations, absence', async () => {
  const wrong = await doctor({ ...supabaseEnv(), SUPABASE_SECRET_KEY: 'sb_secret_wrong' }, ['--read-only'])
  expect(wrong.problems).toContainEqual(expect.stringMatching(/^supabase: refuses the secret key \(40[13]\)/))
  expect(wrong.out).not.toContain('sb_secret_wrong')

  await supabase.sql('grant select on llm_usage to anon')
  expect((await doctor(supabaseEnv(), ['--read-only'])).problems).toContain(
    'supabase: anon may read all calls',
  )
  await supabase.sql('revoke all on llm_usage from anon; alter table llm_usage disable row level security')
  expect((await doctor(supabaseEnv(), ['--read-only'])).problems).toContain(
    'supabase: row level security is off for llm_usage',
  )
  await supabase.sql(
    'alter table llm_usage enable row level security; alter view llm_top_requests rename to other',
  )
  expect((await doctor(supabaseEnv(), ['--read-only'])).problems).toContain(
    'supabase: migrations are half applied: llm_top_requests missing',
  )
  await supabase.sql(
    'alter view other rename to llm_top_requests; alter function llm_report_span(timestamptz, timestamptz) rename to other',
  )
  expect((await doctor(supabaseEnv(), ['--read-only'])).problems).toContain(
    'supabase: migrations are half applied: llm_report_span missing',
  )
  await supabase.sql('alter function other(timestamptz, timestamptz) rename to llm_report_span')
  await supabase.become('refuse')
  const away = await doctor(supabaseEnv(), ['--read-only'])
  expect(away.problems).toContainEqual(expect.stringMatching(/^supabase: cannot be reached/))
  expect(away.code).toBe(1)
})

test('what is wrong with Langfuse is named: keys, rejected traces, another program, absence', async () => {
  const { env, langfuse } = await langfuseAt('2.95.12')
  const wrong = await doctor({ ...env, LANGFUSE_SECRET_KEY: 'sk-lf-wrong' })
  expect(wrong.problems).toEqual(
    expect.arrayContaining([
      'langfuse: answers 401 to the keys',
      expect.stringMatching(/^langfuse: takes no record: /),
    ]),
  )
  expect(wrong.out).not.toContain('sk-lf-wrong')
  langfuse.fault({ type: 'all-rejected' })
  expect((await doctor(env)).problems).toContainEqual(expect.stringMatching(/^langfuse: takes no record: /))
  await langfuse.stop()
  expect((await doctor(env)).problems).toContainEqual(expect.stringMatching(/^langfuse: cannot be reached: /))
  const other: Server = createServer((_, response) => response.writeHead(302, { location: '/login' }).end())
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  closedAfterTest.push(() => other.close())
  const address = other.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const found = await doctor({ ...env, LANGFUSE_BASE_URL: `http://127.0.0.1:${port}` }, ['--read-only'])
  expect(found.problems.some((problem) => problem.startsWith('langfuse: '))).toBe(true)
})

test('what is wrong with Redis is named: eviction, absence, a wrong password', async () => {
  await redis.admin.config('SET', 'maxmemory-policy', 'volatile-lru')
  const evicting = await doctor({ LLM_GATEWAY_REDIS_URL: redis.url })
  expect(evicting.problems).toEqual([expect.stringMatching(/^redis: evicts keys \(volatile-lru\)/)])
  await redis.admin.config('SET', 'maxmemory-policy', 'noeviction')
  await redis.admin.config('SET', 'maxmemory', String(2 * 1_048_576))
  expect((await doctor({ LLM_GATEWAY_REDIS_URL: redis.url })).texts).toContainEqual(
    expect.stringMatching(/^redis: memory: \d of 2 MiB/),
  )
  await redis.admin.config('SET', 'maxmemory', '0')
  const { port } = redis
  const wrong = await doctor({ LLM_GATEWAY_REDIS_URL: `redis://someone:hidden@127.0.0.1:${port}` })
  expect(wrong.findings.find(({ area }) => area === 'redis')).toMatchObject({
    text: expect.stringMatching(/WRONGPASS/),
    fix: expect.stringMatching(/^Its user or password is wrong/),
  })
  expect(wrong.out).not.toContain('hidden')
  const secret = await doctor({ LLM_GATEWAY_REDIS_URL: 'redis://default:hidden@127.0.0.1:1' })
  expect(secret.problems).toContainEqual(expect.stringMatching(/^redis: cannot be reached: .*ECONNREFUSED/))
  expect(secret.out).not.toContain('hidden')
})

test('variables that are half given, a wrong policy, and teams without a key are named', async () => {
  const half = await doctor({ LANGFUSE_PUBLIC_KEY: 'pk', SUPABASE_URL: 'nonsense' })
  expect(half.problems).toEqual(
    expect.arrayContaining([
      'environment: Langfuse is off: LANGFUSE_BASE_URL, LANGFUSE_SECRET_KEY missing',
      'environment: Supabase is off: SUPABASE_SECRET_KEY missing',
      'environment: SUPABASE_URL is no address',
    ]),
  )
  const path = join(folder, 'policy.json')
  writeFileSync(path, JSON.stringify({ ...hotdashPolicy, timezone: 'Mars/Olympus' }))
  const wrong = await doctor({ LLM_GATEWAY_POLICY: path })
  expect(wrong.problems).toContainEqual(expect.stringMatching(/^policy: .*timezone/))
  const without = await doctor({ LLM_GATEWAY_REDIS_URL: redis.url })
  expect(without.warnings).toContainEqual(expect.stringMatching(/^policy: .*prod_ceo.*no key/))
  expect(
    without.findings.filter(({ level, fix }) => (level === 'problem' || level === 'warning') && !fix),
  ).toEqual([])
})

test('a host name without DNS entry or certificate, a serve that is away, and a wrong clock are named', async () => {
  const { problems } = await doctor({}, ['--host', 'no-such-host.invalid', '--serve', 'http://127.0.0.1:1'])
  expect(problems).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^network: no-such-host\.invalid has no DNS entry/),
      expect.stringMatching(/^serve: http:\/\/127\.0\.0\.1:1 cannot be reached/),
    ]),
  )
  const late = createServer((_, response) => {
    response.writeHead(200, { date: new Date(Date.now() - 60_000).toUTCString() }).end('{}')
  })
  await new Promise<void>((resolve) => late.listen(0, '127.0.0.1', resolve))
  closedAfterTest.push(() => late.close())
  const address = late.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const found = await doctor({}, ['--serve', `http://127.0.0.1:${port}`])
  expect(found.problems).toContainEqual(
    expect.stringMatching(/^clock: this machine's clock is (59|60|61)\.\d s ahead of 127\.0\.0\.1:\d+/),
  )
  expect(found.texts).toContainEqual(expect.stringMatching(/^serve: .* is ready$/))
})

test('--watch prints a document each time, and ends at SIGTERM with 0', async () => {
  const child = spawn(
    process.execPath,
    [BIN, 'doctor', '--watch', '--interval', '1', '--json', '--dir', folder],
    {
      env: { PATH: process.env.PATH ?? '' },
    },
  )
  closedAfterTest.push(() => child.kill('SIGKILL'))
  let printed = ''
  const lines = () => printed.split('\n').slice(0, -1)
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) =>
      reject(new Error(`it has ended with ${code} after ${lines().length} documents`)),
    )
    child.stdout.on('data', (chunk) => {
      printed += String(chunk)
      if (lines().length >= 2) resolve()
    })
  })
  for (const line of lines()) expect(JSON.parse(line)).toMatchObject({ healthy: false })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
})

test.each([
  [['--interval', '0'], '--interval must be'],
  [['--serve', 'nonsense'], '--serve must be'],
  [['surplus'], 'is a word too many'],
])('doctor %j is a usage error', async (args, message) => {
  const { code, err } = await llmGateway(['doctor', ...args], {})
  expect([code, err.includes(message)], err).toEqual([2, true])
})
