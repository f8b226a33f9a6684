import { createGatewayClient, type GatewayOptions } from '@hotdash/llm-gateway'
import { openPolicyStore } from '@hotdash/llm-gateway/policy'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { allowLogInFile } from '../console.ts'
import { startRedis } from '../redis/server.ts'
import { ask, setup, until } from '../support.ts'
import { empty, idsOf, start, supabase, there } from './sink-kit.ts'

beforeAll(start)
beforeEach(empty)
afterAll(() => supabase?.close())

// A client that the last test has left may be closed during the next.
allowLogInFile('GW_SINK_DROPPED', 'GW_SINK_REJECTED')

test('every call is one row, as its record says, with nothing of what was asked or answered', async () => {
  const { client, records } = await setup({ supabase: there() })
  const headers = { 'x-gateway-session': 's1', 'x-gateway-user': 'ann@example.org', 'x-gateway-tags': 'a,b' }
  const { choices } = await client.chat.completions.create(ask('Where is order 17?'), { headers })
  await client.chat.completions.create(ask('Where is order 17?'))
  await client.models.list()
  await expect.poll(() => client.gateway.flush()).toBe(true)
  expect(client.gateway.stats().sinks).toMatchObject({ supabase: { delivered: 3, queued: 0, failures: 0 } })
  const rows = await supabase.sql(
    'select *, cost_usd::text as cost, saved_usd::text as saved from llm_usage order by at, operation, cache desc',
  )
  expect(rows.map((row) => row.request_id)).toEqual(records.map(({ id }) => id))
  const [first, second] = records
  expect(rows).toMatchObject([
    {
      agent: 'support',
      team: 'prod_customer',
      operation: 'chat',
      path: '/v1/chat/completions',
      model_asked: 'gpt-4o-mini',
      model: 'gpt-4o-mini',
      cache: 'miss',
      input_tokens: first?.usage?.input,
      output_tokens: first?.usage?.output,
      cost: first?.costUsd?.toFixed(9),
      saved: '0.000000000',
      status: 'ok',
      http_status: 200,
      attempts: 1,
      session: 's1',
      end_user: '<email>',
      tags: ['a', 'b'],
      error: null,
    },
    { cache: 'exact', cost: '0.000000000', saved: second?.savedUsd?.toFixed(9), attempts: 0, tags: [] },
    { operation: 'other', path: '/v1/models', cache: 'bypass', bypass: 'ungoverned', input_tokens: null },
  ])
  const written = JSON.stringify(rows)
  expect(written).not.toContain('order 17')
  expect(written).not.toContain(choices[0]?.message.content)
})

test('an unknown cost is null, not 0', async () => {
  const policy = { models: { mystery: {} }, routing: { default: 'mystery', escalate: false as const } }
  const { client } = await setup({ supabase: there(), policy })
  await client.chat.completions.create({ ...ask('x'), model: 'mystery' })
  await client.gateway.flush()
  expect(await supabase.sql('select model, cost_usd from llm_usage')).toEqual([
    { model: 'mystery', cost_usd: null },
  ])
})

test('a table of before its rows went into months, whose key is the id alone, is written to', async () => {
  await supabase.sql(`
    drop table if exists llm_usage_old;
    create table llm_usage_old (like llm_usage including defaults including generated, primary key (request_id));
    grant select, insert on llm_usage_old to service_role;
  `)
  await supabase.migrate()
  const { client, records } = await setup({ supabase: { ...there(), table: 'llm_usage_old' } })
  await supabase.become('lose')
  await client.chat.completions.create(ask('first'))
  expect(await client.gateway.flush()).toBe(false)
  await supabase.become('none')
  await client.chat.completions.create(ask('second'))
  await expect.poll(() => client.gateway.flush()).toBe(true)
  const rows = await supabase.sql('select request_id from llm_usage_old order by request_id')
  expect(rows.map((row) => row.request_id)).toEqual(idsOf(records))
})

test('the limits of teams are told once, and again when they have changed', async () => {
  const teams = { a: { agents: ['support'], rpm: 10, usdPerDay: 1.5 }, b: {} }
  for (const rpm of [10, 20]) {
    const { client } = await setup({
      supabase: there(),
      policy: { version: 7, timezone: 'Europe/Berlin', teams: { ...teams, a: { ...teams.a, rpm } } },
    })
    await client.chat.completions.create(ask('x'))
    await client.gateway.flush()
  }
  const rows = await supabase.sql(
    'select version, team, rpm, tpm, usd_per_day::text as usd, timezone from llm_team_limits order by team',
  )
  const timezone = 'Europe/Berlin'
  expect(rows).toEqual([
    { version: 7, team: 'a', rpm: 20, tpm: null, usd: '1.500000', timezone },
    { version: 7, team: 'b', rpm: null, tpm: null, usd: null, timezone },
  ])
})

test('limits that are switched while the program runs are told with the next rows', async () => {
  const redis = await startRedis()
  const store = openPolicyStore({ redis: redis.url })
  const { client } = await setup({
    supabase: there(),
    redis: redis.url,
    policy: { version: 7, teams: { a: { agents: ['support'], rpm: 10 } } },
  })
  const known = async () => {
    await client.chat.completions.create(ask(`${Math.random()}`))
    await client.gateway.flush()
    return await supabase.sql('select rpm from llm_team_limits order by version')
  }
  expect(await known()).toEqual([{ rpm: 10 }])
  await store.switch((switches) => ({ ...switches, teams: { a: { rpm: 30 } } }))
  await until(() => client.gateway.policy().teams?.a?.rpm === 30, 'the switch arrives')
  expect(await known()).toEqual([{ rpm: 10 }, { rpm: 30 }])
  await client.gateway.close()
  store.close()
  await redis.close()
})

test('the environment switches it on with both of its variables, in every mode, and `false` off', async () => {
  const on = (gateway: GatewayOptions = {}) =>
    createGatewayClient({ apiKey: 'k', gateway }).gateway.stats().sinks
  try {
    vi.stubEnv('SUPABASE_URL', supabase.url)
    expect(on()).toBeUndefined()
    vi.stubEnv('SUPABASE_SECRET_KEY', supabase.keys.secret)
    expect(on()).toMatchObject({ supabase: { state: 'up' } })
    expect(on({ supabase: false })).toBeUndefined()
    expect(on({ mode: 'direct' })).toMatchObject({ supabase: { state: 'up' } })
    vi.stubEnv('SUPABASE_SECRET_KEY', 'sb_publishable_1')
    expect(() => on()).toThrow('SUPABASE_SECRET_KEY: is a publishable key: rows need a secret one')
  } finally {
    vi.unstubAllEnvs()
  }
})

const wrong: [NonNullable<GatewayOptions['supabase']>, RegExp][] = [
  [{}, /gateway\.supabase\.url: is missing, and so is SUPABASE_URL/],
  [{ url: 'https://x.supabase.co' }, /gateway\.supabase\.secretKey: is missing/],
  [{ url: 'x.supabase.co', secretKey: 'k' }, /gateway\.supabase\.url: must be an https/],
  [
    { url: 'https://x.supabase.co', secretKey: 'sb_publishable_x' },
    /gateway\.supabase\.secretKey: is a publ/,
  ],
  [{ via: 'redis' }, /gateway\.supabase\.via: 'redis' needs gateway\.redis/],
  [{ url: 'https://x', secretKey: 'k', table: 'a"b' }, /gateway\.supabase\.table: must be the name/],
]

test.each(wrong)('%o is refused when the client is made', (options, says) => {
  expect(() => createGatewayClient({ apiKey: 'k', gateway: { supabase: options } })).toThrow(says)
})
