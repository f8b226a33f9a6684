import type { GatewayOptions } from '@hotdash/llm-gateway'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { allowLog, allowLogInFile } from '../console.ts'
import { ask, setup, until } from '../support.ts'
import { empty, idsOf, start, supabase, there } from './sink-kit.ts'

beforeAll(start)
beforeEach(empty)
afterAll(() => supabase?.close())

// A client that the last test has left may be closed during the next.
allowLogInFile('GW_SINK_DROPPED', 'GW_SINK_REJECTED')
const ids = async () =>
  (await supabase.sql('select request_id from llm_usage order by request_id')).map((row) => row.request_id)

test('an answer that is lost after the rows were written doubles none', async () => {
  allowLog('GW_SUPABASE_LIMITS_FAILED')
  const { client, records } = await setup({ supabase: there() })
  await supabase.become('lose')
  for (let call = 0; call < 5; call += 1) await client.chat.completions.create(ask(`call ${call}`))
  await client.gateway.flush()
  expect(client.gateway.stats().sinks?.supabase).toMatchObject({ queued: 5, delivered: 0 })
  expect(await ids()).toEqual(idsOf(records))
  await supabase.sql("update llm_usage set agent = 'untouched'")
  await supabase.become('none')
  await until(() => client.gateway.stats().sinks?.supabase?.queued === 0, 'the rows are delivered')
  expect(client.gateway.stats().sinks?.supabase).toMatchObject({ delivered: 5, rejected: 0, dropped: 0 })
  expect(await ids()).toEqual(idsOf(records))
  expect(await supabase.sql("select from llm_usage where agent = 'untouched'")).toHaveLength(5)
})

/** The database refuses the rows of some agents, as it would rows with values that it cannot take. */
const refuseAgents = (pattern: string) =>
  supabase.sql(`
    create or replace function refuse() returns trigger language plpgsql as $$
    begin
      if new.agent like '${pattern}' then raise exception 'not this one' using errcode = '22023'; end if;
      return new;
    end $$;
    create or replace trigger refuse before insert on llm_usage for each row execute function refuse();
  `)
const refuseNone = () => supabase.sql('drop trigger refuse on llm_usage')

test('rows that are refused take no others with them', async () => {
  const warn = vi.spyOn(console, 'warn').mockReturnValue()
  await refuseAgents('bad-%')
  const { client, records } = await setup({ supabase: there() })
  for (let call = 0; call < 60; call += 1)
    await client.chat.completions.create(ask(`call ${call}`), {
      headers: { 'x-gateway-agent': [7, 8, 41].includes(call) ? `bad-${call}` : 'support' },
    })
  await client.gateway.flush()
  expect(client.gateway.stats().sinks?.supabase).toMatchObject({
    delivered: 57,
    rejected: 3,
    queued: 0,
    dropped: 0,
    lastError: expect.stringContaining('llm_usage refuses a row (22023: not this one)'),
  })
  expect(await ids()).toEqual(idsOf(records.filter(({ agent }) => agent === 'support')))
  const lines = warn.mock.calls.flat().filter((line) => line.includes('supabase'))
  expect(lines).toEqual([expect.stringContaining('llm_usage refuses a row (22023: not this one)')])
  await refuseNone()
  warn.mockRestore()
})

const mistakes: Record<string, { gateway: () => Partial<GatewayOptions>; says: RegExp }> = {
  'a key that is not accepted': {
    gateway: () => ({ supabase: { ...there(), secretKey: 'sb_secret_00000000000000000000' } }),
    says: /the key is not accepted: check SUPABASE_SECRET_KEY; 401/,
  },
  'a table that is not there': {
    gateway: () => ({ supabase: { ...there(), table: 'nowhere' } }),
    says: /there is no table nowhere: run supabase\/migrations of the gateway, llm_usage/,
  },
  'a table older than the gateway': {
    gateway: () => ({ supabase: { ...there(), table: 'older' } }),
    says: /the table older is older than this gateway/,
  },
  'a table without the grants': {
    gateway: () => ({ supabase: { ...there(), table: 'closed' } }),
    says: /the key may not write to closed: .*grants/,
  },
  'no server at all': {
    gateway: () => ({ supabase: { ...there(), url: 'http://127.0.0.1:1' } }),
    says: /no answer/,
  },
}

test.each(Object.entries(mistakes))(
  '%s keeps the rows, and says what to do',
  async (_, { gateway, says }) => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    await supabase.sql(`
    create table if not exists older (request_id text primary key);
    create table if not exists closed (like llm_usage including all);
  `)
    await supabase.migrate()
    await supabase.sql('grant select, insert on older to service_role')
    const { client } = await setup(gateway())
    await client.chat.completions.create(ask('x'))
    await client.gateway.flush()
    const stats = client.gateway.stats().sinks?.supabase
    expect(stats).toMatchObject({
      queued: 1,
      rejected: 0,
      dropped: 0,
      lastError: expect.stringMatching(says),
    })
    expect(stats?.lastError).not.toContain('sb_secret')
    await client.gateway.close()
    const said = warn.mock.calls.flat().join('\n')
    expect(said).toMatch(says)
    expect(said).not.toContain('sb_secret')
    warn.mockRestore()
  },
)

test('without Redis an outage is waited out in memory, and what does not fit is counted', async () => {
  allowLog('GW_SINK_BACK', 'GW_SINK_DOWN')
  vi.spyOn(console, 'warn').mockReturnValue()
  const { client, records } = await setup({ supabase: there(), cache: false, queue: { maxReports: 40 } })
  await supabase.become('refuse')
  for (let call = 0; call < 100; call += 1) await client.chat.completions.create(ask(`call ${call}`))
  await client.gateway.flush()
  await supabase.become('none')
  await until(() => client.gateway.stats().sinks?.supabase?.queued === 0, 'the rows are delivered')
  const { dropped = 0, delivered = 0 } = client.gateway.stats().sinks?.supabase ?? {}
  expect(dropped).toBeGreaterThan(0)
  expect(delivered + dropped).toBe(100)
  expect(await ids()).toEqual(idsOf(records.slice(dropped)))
  vi.restoreAllMocks()
})

test('no call waits for a Supabase that hangs', async () => {
  vi.spyOn(console, 'warn').mockReturnValue()
  await supabase.become('hang')
  const { client } = await setup({ supabase: there(), cache: false })
  for (let call = 0; call < 20; call += 1) await client.chat.completions.create(ask(`call ${call}`))
  // The first delivery is still waiting for its answer.
  expect(client.gateway.stats()).toMatchObject({ ok: 20, sinks: { supabase: { queued: 20, failures: 0 } } })
  vi.restoreAllMocks()
})

test('a Supabase that is slow for many rows gets fewer at once, and all of them', async () => {
  allowLog('GW_SINK_DROPPED', 'GW_SINK_REJECTED')
  const { client, records } = await setup({ supabase: there(), cache: false, quota: false, capture: 'off' })
  await supabase.become('busy')
  for (let call = 0; call < 600; call += 1) await client.chat.completions.create(ask(`call ${call}`))
  await until(() => client.gateway.stats().sinks?.supabase?.queued === 0, 'all rows are there')
  await expect.poll(() => client.gateway.flush()).toBe(true)
  expect(client.gateway.stats().sinks?.supabase).toMatchObject({ delivered: 600, dropped: 0, rejected: 0 })
  // A client of another test may have delivered late.
  const own = new Set<unknown>(idsOf(records))
  expect((await ids()).filter((id) => own.has(id))).toEqual(idsOf(records))
})
