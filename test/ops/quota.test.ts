import { createGatewayClient } from '@hotdash/llm-gateway'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { llmGateway } from '../command.ts'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { type Supabase, startSupabase } from '../supabase/server.ts'
import { ask } from '../support.ts'

// Each command is a process, which takes long on a busy machine.
const closers: (() => unknown)[] = []
let redis: RedisServer
let supabase: Supabase
let call: (question: string) => Promise<void>
let end: () => Promise<unknown>
afterAll(async () => {
  for (const close of closers.toReversed()) await close()
})

beforeAll(async () => {
  redis = await startRedis()
  closers.push(() => redis.close())
  supabase = await startSupabase()
  closers.push(() => supabase.close())
  const upstream = await startFakeOpenAI({ tokens: 'approximate' })
  closers.push(() => upstream.close())
  const client = createGatewayClient({
    baseURL: upstream.baseURL,
    apiKey: 'test-key',
    gateway: {
      agent: 'support',
      redis: redis.url,
      cache: { semantic: false },
      supabase: { url: supabase.url, secretKey: supabase.keys.secret },
    },
  })
  end = () => client.gateway.close()
  closers.push(end)
  call = async (question) => {
    await client.chat.completions.create(ask(question))
    await client.gateway.flush()
  }
})

const env = () => ({
  LLM_GATEWAY_REDIS_URL: redis.url,
  SUPABASE_URL: supabase.url,
  SUPABASE_SECRET_KEY: supabase.keys.secret,
})
const quota = (args: string[], more: Record<string, string> = env()) => llmGateway(['quota', ...args], more)
type Shown = {
  team: string
  state: string
  day: string
  books: { spentUsd: number; inheritedUsd: number; requests: number }
  processes: unknown[]
  limits: { usdPerDay: number }
}
const shown = async () =>
  (JSON.parse((await quota(['show', '--json', '--team', 'prod_customer'])).out) as Shown[])[0] as Shown

test('show has each team of the policy, with its day, its minute and its processes', async () => {
  await call('What do you sell?')
  const { out, err, code } = await quota(['show', '--processes'])
  expect(code).toBe(0)
  expect(out).toMatch(/^TEAM +DAY +SPENT +UNCONFIRMED +HELD +LEASED +LIMIT +USED/)
  expect(out).toMatch(/^prod_customer +\d{4}-\d\d-\d\d +\$0\.\d+ .* \$50\.00 +\d+ %/m)
  expect(out).toMatch(/^prod_ceo +no books/m)
  expect(out).toMatch(/^[0-9a-f-]{36} +prod_customer +\d+ s/m)
  expect(err).toContain('Days are those of')
  const own = await shown()
  expect(own).toMatchObject({ state: 'present', limits: { usdPerDay: 50 } })
  expect(own.books.spentUsd).toBeGreaterThan(0)
  expect(own.processes).toHaveLength(1)
})

test('reset needs a yes, is logged, and says how it is undone', async () => {
  const before = await shown()
  expect(await quota(['reset', '--team', 'prod_customer'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('There is no terminal to ask at: say --yes.'),
  })
  expect(await shown()).toMatchObject({ books: { spentUsd: before.books.spentUsd } })
  const done = await quota(['reset', '--team', 'prod_customer', '--yes', '-m', 'a rehearsal', '--by', 'anna'])
  expect(done).toMatchObject({
    code: 0,
    err: expect.stringContaining('quota reconcile --team prod_customer --apply'),
  })
  expect((await shown()).books.spentUsd).toBe(0)
  const { out } = await quota(['show', '--log'])
  expect(out).toMatch(/UTC {2}prod_customer {2}reset {2}\$0\.\d+ -> \$0\.00 {2}anna {2}"a rehearsal"/)
})

test('reconcile shows what rows have and books lack, and raises the books on request, once', async () => {
  await expect
    .poll(async () => (await supabase.sql('select count(*)::int as rows from llm_usage'))[0]?.rows)
    .toBeGreaterThan(0)
  const compared = await quota(['reconcile'])
  expect(compared).toMatchObject({ code: 1, err: expect.stringContaining('quota reconcile --apply') })
  expect(compared.out).toMatch(/^prod_customer +\d{4}-\d\d-\d\d +\$0\.00 .* \+\$0\.\d+/m)
  expect(await quota(['reconcile', '--apply'])).toMatchObject({ code: 2 })
  expect((await shown()).books.inheritedUsd).toBe(0)
  const raised = await quota(['reconcile', '--apply', '--yes', '--json'])
  expect(raised.code).toBe(0)
  const [row] = await supabase.sql(
    "select sum(cost_usd)::text as usd from llm_usage where team = 'prod_customer'",
  )
  expect((await shown()).books.inheritedUsd).toBeCloseTo(Number(row?.usd), 9)
  const again = await quota(['reconcile'])
  expect(again.code, again.out).toBe(0)
})

test('books that show more are lowered with --lower only, and not while rows wait', async () => {
  // A running agent would take the row that waits.
  await end()
  const before = await shown()
  await supabase.sql("delete from llm_usage where team = 'prod_customer'")
  expect((await quota(['reconcile', '--apply', '--yes'])).code).toBe(0)
  expect((await shown()).books).toEqual(before.books)
  await redis.admin.xadd('gw:{usage}:spill', '*', 'row', '{}')
  const refused = await quota(['reconcile', '--apply', '--lower', '--yes'])
  expect(refused).toMatchObject({
    code: 1,
    err: expect.stringContaining('1 row in Redis wait'),
  })
  expect((await shown()).books).toEqual(before.books)
  await redis.admin.del('gw:{usage}:spill')
  expect((await quota(['reconcile', '--apply', '--lower', '--yes'])).code).toBe(0)
  expect((await shown()).books).toMatchObject({ spentUsd: 0, inheritedUsd: 0 })
})

test.each([
  [['reset', '--yes'], '--team TEAM is missing'],
  [
    ['reset', '--team', 'prod_ceo', '--what', 'week', '--yes'],
    '--what must be one of day, minute, day+minute',
  ],
  [['show', '--team', 'absent'], '--team: the policy in force has no team absent. It has prod_customer'],
  [['reconcile', '--lower'], '--lower works with --apply only'],
  [['show', 'prod_ceo'], 'Teams are given by --team.'],
])('%j is a usage error that names the option and the fix', async (args, message) => {
  expect(await quota(args)).toMatchObject({ code: 2, out: '', err: expect.stringContaining(message) })
})

test('without Redis, or without Supabase, it says what is missing, and prints no key', async () => {
  expect(await quota(['show'], {})).toMatchObject({
    code: 2,
    err: expect.stringContaining('LLM_GATEWAY_REDIS_URL'),
  })
  const away = await quota(['show'], { LLM_GATEWAY_REDIS_URL: 'redis://user:s3cret@127.0.0.1:1' })
  expect(away.code).toBe(1)
  expect(away.err).not.toContain('s3cret')
  const { LLM_GATEWAY_REDIS_URL } = env()
  expect(await quota(['reconcile'], { LLM_GATEWAY_REDIS_URL })).toMatchObject({
    code: 2,
    err: expect.stringContaining('SUPABASE_URL and SUPABASE_SECRET_KEY must be set'),
  })
  const wrong = await quota(['reconcile'], { ...env(), SUPABASE_SECRET_KEY: 'sb_secret_of_another_project' })
  expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining('refuses the secret key') })
  expect(wrong.err).not.toContain('sb_secret_of_another_project')
})
