import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { hotdashPolicy } from '@hotdash/llm-gateway'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { closeLater } from '../closing.ts'
import { startSmtp } from '../monitor/smtp.ts'
import { doctor, folder, langfuseAt, redis, start, stop, supabase, supabaseEnv } from './doctor-kit.ts'

beforeAll(start)
afterEach(() => supabase.become('none'))
afterAll(stop)

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
  closeLater(() => smtp.close())
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
  closeLater(() => other.close())
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
  closeLater(() => late.close())
  const address = late.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const found = await doctor({}, ['--serve', `http://127.0.0.1:${port}`])
  expect(found.problems).toContainEqual(
    expect.stringMatching(/^clock: this machine's clock is (59|60|61)\.\d s ahead of 127\.0\.0\.1:\d+/),
  )
  expect(found.texts).toContainEqual(expect.stringMatching(/^serve: .* is ready$/))
})
