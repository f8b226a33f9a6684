import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { ask, setup } from '../support.ts'
import { type Supabase, startSupabase } from './server.ts'

let supabase: Supabase
beforeAll(async () => {
  supabase = await startSupabase()
})
afterAll(() => supabase?.close())
beforeEach(async () => {
  await supabase.become('none')
  await supabase.sql('truncate llm_usage, llm_team_limits')
})

const there = () => ({ url: supabase.url, secretKey: supabase.keys.secret })

test('every call is one row, as its record says', async () => {
  const { client, records } = await setup({ supabase: there() })
  await client.chat.completions.create(ask('Where is order 17?'), {
    headers: { 'x-gateway-session': 's1', 'x-gateway-user': 'ann@example.org', 'x-gateway-tags': 'a,b' },
  })
  await client.chat.completions.create(ask('Where is order 17?'))
  await client.models.list()
  expect(await client.gateway.flush()).toBe(true)
  expect(client.gateway.stats().sinks).toMatchObject({ supabase: { delivered: 3, queued: 0, failures: 0 } })
  const rows = await supabase.sql('select * from llm_usage order by at, request_id')
  expect(rows.map(({ request_id }) => request_id).toSorted()).toEqual(records.map(({ id }) => id).toSorted())
})
