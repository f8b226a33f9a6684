import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { closeLater } from '../closing.ts'
import { doctor, langfuseAt, redis, start, stop, supabase, supabaseEnv } from './doctor-kit.ts'

beforeAll(start)
afterEach(() => supabase.become('none'))
afterAll(stop)

test.each(['2.95.12', '4.16.0'] as const)(
  'a trace arrives at Langfuse %s and is found with its cost',
  async (version) => {
    const { env, langfuse } = await langfuseAt(version)
    const upstream = await startFakeOpenAI()
    closeLater(() => upstream.close())
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

test('the function that removes the row removes no other', async () => {
  await supabase.sql(`insert into llm_usage (request_id, at, agent, team, operation, path, model, route, cache, status)
    values ('r', now(), 'support', 't', 'chat', '/v1/chat/completions', 'm', 'default', 'miss', 'ok')`)
  expect(await supabase.sql("select llm_doctor_remove('r') as removed")).toEqual([{ removed: 0 }])
  expect((await supabase.as('anon').rpc('llm_doctor')).error).not.toBeNull()
  expect((await supabase.as('authenticated').rpc('llm_doctor_remove', { id: 'r' })).error).not.toBeNull()
})
