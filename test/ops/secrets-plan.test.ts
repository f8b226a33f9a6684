import { createHash } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createGatewayClient } from '@hotdash/llm-gateway'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { beforeEach, expect, test } from 'vitest'
import { startRedis } from '../redis/server.ts'
import { dir, makeDeployment, PG, read, type Stored, secrets, valuesOf, vault } from './secrets-kit.ts'

beforeEach(makeDeployment)

const keysOf = (team: string) =>
  (
    JSON.parse(readFileSync(join(dir, 'fly/gateway/policy.json'), 'utf8')) as {
      teams: Record<string, { keys?: string[] }>
    }
  ).teams[team]?.keys ?? []
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

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
