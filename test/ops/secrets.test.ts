import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGatewayClient } from '@hotdash/llm-gateway'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { BIN, llmGateway } from '../command.ts'
import { startRedis } from '../redis/server.ts'

/** Apart from the rest of an address, which the search for secrets would take for a real one. */
const PG = 'postgresql:'

type Stored = { value: string; madeAt: string; previous?: { value: string; until: string } }
type Vault = { version: number; secrets: Record<string, Stored> }

const folders: string[] = []
let dir = ''
let vault = ''
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'secrets-'))
  folders.push(dir)
  vault = join(dir, 'vault/hotrodan/llm-gateway-secrets.json')
  const answers = ['--supabase-ref', 'abcdefghijklmnopqrst', '--admin-email', 'admin@example.com']
  expect(await llmGateway(['init', '--dir', dir, '--yes', ...answers], {})).toMatchObject({ code: 0 })
})

const secrets = (args: string[], input = '', env: Record<string, string> = {}) =>
  llmGateway(['secrets', ...args, '--dir', dir], env, input)
const read = () => JSON.parse(readFileSync(vault, 'utf8')) as Vault
const keysOf = (team: string) =>
  (
    JSON.parse(readFileSync(join(dir, 'fly/gateway/policy.json'), 'utf8')) as {
      teams: Record<string, { keys?: string[] }>
    }
  ).teams[team]?.keys ?? []
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const valuesOf = ({ secrets }: Vault) => Object.values(secrets).map(({ value }) => value)

/** Changes the vault file as time would. */
function age(name: string, change: (stored: Stored) => Stored): void {
  const file = read()
  const stored = file.secrets[name]
  if (stored === undefined) throw new Error(`there is no ${name}`)
  file.secrets[name] = change(stored)
  writeFileSync(vault, JSON.stringify(file))
}

test('generate makes each secret of the plan in its length and form, prints none, and changes none later', async () => {
  const { code, out, err } = await secrets(['generate'])
  expect(code).toBe(0)
  const { secrets: made } = read()
  const forms: Record<string, RegExp> = {
    LITELLM_MASTER_KEY: /^sk-[A-Za-z0-9]{29}$/,
    LANGFUSE_ENCRYPTION_KEY: /^[0-9a-f]{64}$/,
    LANGFUSE_NEXTAUTH_SECRET: /^[A-Za-z0-9+/]{43}=$/,
    PROD_CUSTOMER_KEY: /^gwk-[A-Za-z0-9]{28}$/,
    PROD_CEO_KEY: /^gwk-[A-Za-z0-9]{28}$/,
    PROD_BACKGROUND_KEY: /^gwk-[A-Za-z0-9]{28}$/,
    ADMIN_KEY: /^gwk-[A-Za-z0-9]{28}$/,
    LANGFUSE_PUBLIC_KEY: /^pk-lf-[0-9a-f-]{36}$/,
    LANGFUSE_SECRET_KEY: /^sk-lf-[0-9a-f-]{36}$/,
  }
  for (const [name, form] of Object.entries(forms)) expect(made[name]?.value, name).toMatch(form)
  for (const value of valuesOf(read())) expect(out + err).not.toContain(value)
  expect(new Set(valuesOf(read())).size).toBe(valuesOf(read()).length)
  expect(statSync(vault).mode & 0o777).toBe(0o600)
  expect(err).toContain('llm-gateway secrets set OPENAI_API_KEY')
  const before = readFileSync(vault, 'utf8')
  expect((await secrets(['generate'])).code).toBe(0)
  expect(readFileSync(vault, 'utf8')).toBe(before)
})

test('team keys enter the policy as hashes, and a rotation keeps the old one until it is retired', async () => {
  await secrets(['generate'])
  const old = read().secrets.PROD_CEO_KEY?.value ?? ''
  expect(keysOf('prod_ceo')).toEqual([sha256(old)])
  const rotated = await secrets(['rotate', 'PROD_CEO_KEY', '--grace', '12h'])
  expect(rotated.code, rotated.err).toBe(0)
  const next = read().secrets.PROD_CEO_KEY
  expect(next?.previous?.value).toBe(old)
  expect(keysOf('prod_ceo')).toEqual([sha256(old), sha256(next?.value ?? '')])
  expect(keysOf('prod_customer')).toHaveLength(1)

  expect((await secrets(['rotate', 'PROD_CEO_KEY'])).err).toContain('was not retired')
  expect((await secrets(['retire', 'PROD_CEO_KEY'])).err).toContain('works until')
  age('PROD_CEO_KEY', (stored) => ({
    ...stored,
    previous: { value: old, until: new Date(Date.now() - 1_000).toISOString() },
  }))
  const over = await secrets(['status'])
  expect(over.out).toMatch(/PROD_CEO_KEY .*grace is over/)
  expect(over.code).toBe(1)
  expect((await secrets(['retire', 'PROD_CEO_KEY'])).code).toBe(0)
  expect(keysOf('prod_ceo')).toEqual([sha256(next?.value ?? '')])
  expect(read().secrets.PROD_CEO_KEY?.previous).toBeUndefined()
})

test('hashes in the policy that are not of this vault stay', async () => {
  const path = join(dir, 'fly/gateway/policy.json')
  const policy = JSON.parse(readFileSync(path, 'utf8')) as { teams: Record<string, { keys?: string[] }> }
  const own = sha256('a key that a person made')
  policy.teams.admin = { ...policy.teams.admin, keys: [own] }
  writeFileSync(path, JSON.stringify(policy))
  await secrets(['generate'])
  expect(keysOf('admin')).toEqual([own, sha256(read().secrets.ADMIN_KEY?.value ?? '')])
})

test('status tells age, next rotation and what is missing, by exit code as well', async () => {
  await secrets(['generate'])
  for (const [name, value] of [
    ['OPENAI_API_KEY', 'sk-of-openai'],
    ['REDIS_URL', 'redis://default:word@cache.internal:6379'],
    ['SUPABASE_SECRET_KEY', 'sb_secret_x'],
    ['SUPABASE_DB_URL', `${PG}//postgres:word@db.internal:5432/postgres`],
    ['LLM_GATEWAY_SMTP_URL', 'smtps://user:word@smtp.example.com'],
  ] as const)
    expect((await secrets(['set', name], `${value}\n`)).code).toBe(0)
  expect((await secrets(['status'])).code).toBe(0)
  const days = (count: number) => new Date(Date.now() - count * 86_400_000).toISOString()
  age('ADMIN_KEY', (stored) => ({ ...stored, madeAt: days(91) }))
  age('PROD_CEO_KEY', (stored) => ({ ...stored, madeAt: days(85) }))
  const { code, out } = await secrets(['status', '--json'])
  expect(code).toBe(1)
  const { secrets: rows } = JSON.parse(out) as { secrets: { name: string; state: string; ageDays: number }[] }
  const found = new Map(rows.map(({ name, state, ageDays }) => [name, [state, ageDays]]))
  expect(found.get('ADMIN_KEY')).toEqual(['overdue', 91])
  expect(found.get('PROD_CEO_KEY')).toEqual(['due', 85])
  expect(found.get('LANGFUSE_SALT')).toEqual(['keeps', 0])
  expect(found.get('OPENAI_API_KEY')).toEqual(['ok', 0])
  for (const value of valuesOf(read())) expect(out).not.toContain(value)
  // A variable of the shell that is not set.
  const empty = await secrets(['status', '--redis', ''])
  expect([empty.code, empty.err]).toEqual([2, expect.stringContaining('--redis is empty')])
})

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

test.each([
  [['rotate', 'LANGFUSE_SALT'], 'is not rotated'],
  [['rotate', 'OPENAI_API_KEY'], 'is made elsewhere'],
  [['rotate', 'ADMIN_KEY', '--grace', 'soon'], '--grace must be'],
  [['rotate', 'NO_KEY'], 'There is no secret "NO_KEY"'],
  [['retire', 'ADMIN_KEY'], 'has no previous value'],
  [['set'], 'Which secret?'],
  [['set', 'OPENAI_API_KEY'], 'is missing'],
])('secrets %j is refused, and changes nothing', async (args, message) => {
  await secrets(['generate'])
  const before = readFileSync(vault, 'utf8')
  const { code, err } = await secrets(args)
  expect([code, err.includes(message)], err).toEqual([2, true])
  expect(readFileSync(vault, 'utf8')).toBe(before)
})

test('a vault that others can read, that is damaged, or that another command changes is refused', async () => {
  await secrets(['generate'])
  chmodSync(vault, 0o644)
  expect((await secrets(['status'])).err).toContain(`chmod 600 ${vault}`)
  chmodSync(vault, 0o600)
  const before = readFileSync(vault, 'utf8')
  writeFileSync(vault, before.slice(0, -20))
  const damaged = await secrets(['status'])
  expect(damaged.err).toContain('is not JSON')
  for (const value of valuesOf(JSON.parse(before) as Vault)) expect(damaged.err).not.toContain(value)
  writeFileSync(vault, before)
  writeFileSync(`${vault}.lock`, '')
  expect((await secrets(['rotate', 'ADMIN_KEY'])).err).toContain('Another command changes the vault')
  expect(readFileSync(vault, 'utf8')).toBe(before)
})

test('a command that is killed leaves the vault whole', async () => {
  await secrets(['generate'])
  for (let round = 0; round < 5; round += 1) {
    rmSync(`${vault}.lock`, { force: true })
    const child = spawn(process.execPath, [BIN, 'secrets', 'rotate', 'ADMIN_KEY', '--force', '--dir', dir])
    const ended = new Promise((resolve) => child.once('close', resolve))
    // Waits for the lock, which is taken just before the vault is written.
    while (child.exitCode === null && !existsSync(`${vault}.lock`))
      await new Promise((resolve) => setImmediate(resolve))
    child.kill('SIGKILL')
    await ended
    expect(read().secrets.ADMIN_KEY?.value).toMatch(/^gwk-/)
  }
})

const hasAge = spawnSync('age', ['--version']).status === 0
test.skipIf(!hasAge)('a vault named .age is encrypted for its recipients', async () => {
  const identity = join(dir, 'identity')
  spawnSync('age-keygen', ['-o', identity])
  const recipient = /public key: (\S+)/.exec(readFileSync(identity, 'utf8'))?.[1] ?? ''
  const file = join(dir, 'vault.age')
  const encrypted = ['--vault', file, '--recipient', recipient]
  expect((await secrets(['generate', '--vault', file])).err).toContain('say --recipient')
  expect((await secrets(['generate', ...encrypted])).code).toBe(0)
  expect(readFileSync(file, 'utf8')).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----/)
  expect((await secrets(['status', '--vault', file])).err).toContain('say --identity')
  const rotated = await secrets(['rotate', 'ADMIN_KEY', ...encrypted, '--identity', identity])
  expect(rotated.code, rotated.err).toBe(0)
  const { out } = await secrets(['import', '--app', 'agents', '--vault', file], '', {
    LLM_GATEWAY_VAULT_IDENTITY: identity,
  })
  expect(out).toMatch(/^ADMIN_KEY=gwk-/m)
})

test('status tells which agents still use the key from before a rotation, by the live metrics', async () => {
  const redis = await startRedis()
  const upstream = await startFakeOpenAI()
  await secrets(['generate'])
  const keyNow = () => read().secrets.PROD_CUSTOMER_KEY?.value ?? ''
  const oldKey = keyNow()
  await secrets(['rotate', 'PROD_CUSTOMER_KEY'])
  const agentWith = (agent: string, key: string) =>
    createGatewayClient({
      baseURL: upstream.baseURL,
      apiKey: 'sk-test',
      gateway: {
        agent,
        key,
        redis: redis.url,
        policy: join(dir, 'fly/gateway/policy.json'),
        cache: false,
        metrics: { flushSeconds: 0.1 },
      },
    })
  const question = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'x' }] }
  const call = async (agent: string, key: string) => {
    const client = agentWith(agent, key)
    await client.chat.completions.create(question)
    await client.gateway.close()
  }
  const use = async () => {
    const { out } = await secrets(['status', '--json', '--redis', redis.url])
    return (JSON.parse(out) as { use: { team: string }[] }).use.find(({ team }) => team === 'prod_customer')
  }
  try {
    await call('support', keyNow())
    expect(await use()).toMatchObject({ calls: 1, previousKey: { calls: 0, agents: [] } })
    expect((await secrets(['status', '--redis', redis.url])).out).toMatch(
      /^PROD_CUSTOMER_KEY .* no call with the previous key in 24 h$/m,
    )
    await call('ai-customer', oldKey)
    await call('ai-customer', oldKey)
    expect(await use()).toMatchObject({
      calls: 3,
      agents: ['ai-customer', 'support'],
      previousKey: { calls: 2, agents: ['ai-customer'] },
    })
    const { out } = await secrets(['status', '--redis', redis.url])
    expect(out).toMatch(/^PROD_CUSTOMER_KEY .* with the previous key in 24 h: 2 calls of ai-customer$/m)
    for (const key of [oldKey, keyNow()]) expect(out).not.toContain(key)
  } finally {
    await upstream.close()
    await redis.close()
  }
})
