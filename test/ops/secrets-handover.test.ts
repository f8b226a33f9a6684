import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { beforeEach, expect, test } from 'vitest'
import { BIN, llmGateway } from '../command.ts'
import { dir, makeDeployment, PG, read, secrets, vault } from './secrets-kit.ts'

beforeEach(makeDeployment)

test('import prints NAME=VALUE into a pipe, and refuses a terminal unless --reveal is said', async () => {
  await secrets(['generate'])
  const missing = await secrets(['import', '--app', 'gateway'])
  expect([missing.code, missing.out]).toEqual([2, ''])
  expect(missing.err).toContain('OPENAI_API_KEY: llm-gateway secrets set OPENAI_API_KEY')
  for (const [name, value] of [
    ['OPENAI_API_KEY', 'sk-of-openai'],
    ['REDIS_URL', 'redis://default:pass%2Fword@cache.internal:6380'],
    ['SUPABASE_SECRET_KEY', 'sb_secret_x'],
    ['LLM_GATEWAY_SMTP_URL', 'smtps://user:p%40ss@smtp.example.com'],
  ] as const)
    await secrets(['set', name], `${value}\n`)
  const { out } = await secrets(['import', '--app', 'gateway'])
  expect(out.split('\n')).toContain('OPENAI_API_KEY=sk-of-openai')
  const litellm = await secrets(['import', '--app', 'litellm'])
  expect(litellm.out.split('\n')).toEqual(
    expect.arrayContaining(['REDIS_HOST=cache.internal', 'REDIS_PORT=6380', 'REDIS_PASSWORD=pass/word']),
  )
  const langfuse = await secrets(['import', '--app', 'langfuse-thin'])
  expect(langfuse.out).toMatch(
    /^DATABASE_URL=postgresql:\/\/langfuse_app\.abcdefghijklmnopqrst:\w{32}@aws-0-us-east-1\.pooler\.supabase\.com:6543\/postgres\?schema=langfuse&pgbouncer=true/m,
  )
  expect((await secrets(['import', '--app', 'gatway'])).err).toContain('There is no app "gatway"')
  if (process.platform !== 'linux') return
  const typed = (more: string) =>
    spawnSync(
      'script',
      ['-qec', `${process.execPath} ${BIN} secrets import --app gateway --dir ${dir}${more}`, '/dev/null'],
      {
        encoding: 'utf8',
      },
    ).stdout
  expect(typed('')).toContain('This would print secrets at a terminal')
  expect(typed('')).not.toContain('sk-of-openai')
  expect(typed(' --reveal')).toContain('OPENAI_API_KEY=sk-of-openai')
})

test('exec gives a command the variables of an app, and returns its exit code', async () => {
  await secrets(['generate'])
  const run = (words: string[]) =>
    llmGateway(['secrets', 'exec', '--dir', dir, '--app', 'agents', '--', ...words], {})
  expect(await run(['sh', '-c', 'printf %s "$ADMIN_KEY"'])).toMatchObject({
    code: 0,
    out: read().secrets.ADMIN_KEY?.value,
  })
  expect(await run(['sh', '-c', 'exit 7'])).toMatchObject({ code: 7 })
  expect(await run(['sh', '-c', 'kill -INT $$'])).toMatchObject({ code: 130 })
  expect(await run(['no-such-program'])).toMatchObject({
    code: 1,
    err: 'There is no program "no-such-program".\n',
  })
  expect((await run([])).code).toBe(2)
})

test("exec gives the addresses of the app's fly.toml as well, which a variable replaces", async () => {
  await secrets(['generate'])
  await secrets(['set', 'OPENAI_API_KEY'], 'sk-x\n')
  await secrets(['set', 'REDIS_URL'], 'redis://cache.internal:6379\n')
  await secrets(['set', 'SUPABASE_SECRET_KEY'], 'sb_secret_x\n')
  await secrets(['set', 'SUPABASE_DB_URL'], `${PG}//postgres:word@db.internal:5432/postgres\n`)
  await secrets(['set', 'LLM_GATEWAY_SMTP_URL'], 'smtps://user:word@smtp.example.com\n')
  const shown = async (app: string, env: Record<string, string> = {}) => {
    const print = ['sh', '-c', 'echo "$SUPABASE_URL $LANGFUSE_BASE_URL $LLM_GATEWAY_POLICY"']
    const args = ['secrets', 'exec', '--dir', dir, '--app', app, '--', ...print]
    return (await llmGateway(args, env)).out.trim()
  }
  const theirs = 'https://abcdefghijklmnopqrst.supabase.co http://hotdash-langfuse.flycast'
  expect([await shown('gateway'), await shown('operator'), await shown('agents')]).toEqual([
    theirs,
    theirs,
    '',
  ])
  const own = await shown('gateway', { SUPABASE_URL: 'http://127.0.0.1:1', LLM_GATEWAY_POLICY: 'own.json' })
  expect(own).toBe('http://127.0.0.1:1 http://hotdash-langfuse.flycast own.json')
})

test.each([
  ['SUPABASE_DB_URL', 'hello', 'an address such as postgresql://postgres:PASSWORD@'],
  ['SUPABASE_DB_URL', `${PG}//postgres:p@ss@db.internal:5432/postgres`, '@ as %40'],
  ['SUPABASE_DB_URL', `${PG}//postgres:p/s@db.internal:5432/postgres`, '/ as %2F'],
  ['SUPABASE_DB_URL', `${PG}//postgres:50%off@db.internal:5432/postgres`, '% as %25'],
  ['SUPABASE_DB_URL', `${PG}//postgres:[YOUR-PASSWORD]@db.internal:5432/postgres`, 'a placeholder'],
  ['SUPABASE_DB_URL', `${PG}//postgres.x:word@aws-0.pooler.supabase.com:6543/postgres`, 'pooler (6543)'],
  ['LLM_GATEWAY_SMTP_URL', 'smtp.example.com', 'an address such as smtps://'],
  ['REDIS_URL', 'cache.internal:6379', 'an address such as redis://'],
  ['SUPABASE_SECRET_KEY', 'sb_publishable_word', 'the publishable key'],
  ['OPENAI_API_KEY', 'sk-one\u0000two', 'a control character'],
  ['OPENAI_API_KEY', 'sk-\u001b[31mone', 'a control character'],
  ['OPENAI_API_KEY', 'sk-one\u200btwo', 'a control character'],
])('%s of a wrong form is refused with what to do, and is not shown: %j', async (name, value, message) => {
  const { code, err } = await secrets(['set', name], `${value}\n`)
  expect([code, err]).toEqual([2, expect.stringMatching(`^${name} is not stored: `)])
  expect(err).toContain(message)
  expect(err).not.toContain(value)
  expect(existsSync(vault)).toBe(false)
})

test('a rotation names the commands that hand the new value over', async () => {
  await secrets(['generate'])
  const { err } = await secrets(['rotate', 'LANGFUSE_DB_PASSWORD'])
  expect(err).toContain('-f supabase/langfuse/password.sql')
  expect(err).toMatch(/kept until \d{4}-\d\d-\d\d \d\d:\d\d UTC\./)
  expect(err).toContain('secrets import --app langfuse-thin | fly secrets import --app hotdash-langfuse\n')
  expect(err).not.toContain('langfuse-web')
})
