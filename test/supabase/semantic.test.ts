import { createPgvectorIndex } from '@hotdash/llm-gateway/pgvector'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { allowLogInFile } from '../console.ts'
import { embedder } from '../semantic-embedder.ts'
import { ask, type Setup, setup } from '../support.ts'
import { type Supabase, startSupabase } from './server.ts'

allowLogInFile('GW_SEMANTIC_STORE_ERROR')

let supabase: Supabase
beforeAll(async () => {
  supabase = await startSupabase()
})
afterAll(() => supabase?.close())
beforeEach(async () => {
  await supabase.become('none')
  await supabase.sql('delete from public.llm_semantic')
})

const ORIGINAL = 'Do you ship the wooden chairs to Norway?'
const REWORDED = 'Do you ship wooden chairs to Norway?'
const SECRET = 'shared by all processes'

async function gateway(semantic: object = {}, client: object = {}): Promise<Setup> {
  const index = createPgvectorIndex({ url: supabase.url, secretKey: supabase.keys.secret })
  return await setup(
    {
      quota: false,
      policy: { cache: { semantic: { mode: 'on', threshold: 0.9, judge: false } } },
      cache: { semantic: { embedder, secret: SECRET, index, deadlineMs: 5_000, ...semantic } },
    },
    client,
  )
}

async function asking({ client, records }: Setup, question: string) {
  await client.chat.completions.create(ask(question))
  await client.gateway.flush()
  return records.at(-1)
}

const rows = () =>
  supabase.sql('select partition, id, vector::text, sealed, expires_at from public.llm_semantic order by id')

test('pgvector is there, and it is one that follows its graph until there is enough of a partition', async () => {
  const [found] = await supabase.sql("select extversion from pg_extension where extname = 'vector'")
  expect(Number.parseFloat(String(found?.extversion))).toBeGreaterThanOrEqual(0.8)
})

test('what one process was answered, another finds by meaning at once, and says so', async () => {
  const one = await gateway()
  const other = await gateway({}, { baseURL: one.upstream.baseURL })
  expect(await asking(one, ORIGINAL)).toMatchObject({ cache: 'miss', semantic: { outcome: 'no-candidate' } })
  const record = await asking(other, REWORDED)
  expect(record).toMatchObject({ cache: 'semantic', semantic: { outcome: 'hit' } })
  expect(one.upstream.requests).toHaveLength(1)
  const [row] = await rows()
  expect(record?.semantic?.entry).toBe(`${row?.partition}:${row?.id}`)
})

test('the same question again takes the place of its last answer', async () => {
  const it = await gateway()
  for (const seed of [1, 1]) {
    const noCache = { headers: { 'x-gateway-cache': 'no-cache' } }
    await it.client.chat.completions.create({ ...ask(ORIGINAL), seed }, noCache)
    await it.client.gateway.flush()
  }
  expect(await rows()).toHaveLength(1)
})

test('what has expired, was deleted, changed, or moved to another place, is not given', async () => {
  const spoilt = [
    "update public.llm_semantic set expires_at = now() - interval '1 second'",
    'delete from public.llm_semantic',
    "update public.llm_semantic set sealed = overlay(sealed placing case substr(sealed, 200, 1) when 'A' then 'B' else 'A' end from 200)",
    'update public.llm_semantic set sealed = left(sealed, 100)',
    "update public.llm_semantic set sealed = ''",
    "update public.llm_semantic set id = 'aaaaaaaaaaaaaaaaaaaa'",
  ]
  for (const sql of spoilt) {
    const it = await gateway()
    await supabase.sql('delete from public.llm_semantic')
    await asking(it, ORIGINAL)
    await supabase.sql(sql)
    expect(await asking(it, REWORDED), sql).toMatchObject({ cache: 'miss', status: 'ok' })
  }
})

test('another vector beside an entry changes what is found, never how near it is', async () => {
  const it = await gateway()
  await asking(it, 'Which woods do you use for tables?')
  const [{ vector } = {}] = await rows()
  await supabase.sql('delete from public.llm_semantic')
  await asking(it, ORIGINAL)
  await supabase.sql(`update public.llm_semantic set vector = '${vector}'`)
  // Nothing else is there: it is found all the same, and as near as it was signed.
  const record = await asking(it, 'Which woods do you use for your tables?')
  expect(record).toMatchObject({ cache: 'miss', semantic: { outcome: 'below-threshold' } })
  expect(record?.semantic?.similarity).toBeLessThan(0.5)
})

test('an entry signed with another secret is not ours', async () => {
  const one = await gateway()
  const stranger = await gateway({ secret: 'a secret of somebody else' }, { baseURL: one.upstream.baseURL })
  await asking(one, ORIGINAL)
  expect((await asking(stranger, REWORDED))?.cache).toBe('miss')
  const [first, second] = await rows()
  await supabase.sql(`update public.llm_semantic set sealed = case id when '${first?.id}'
    then (select sealed from public.llm_semantic where id = '${second?.id}')
    else (select sealed from public.llm_semantic where id = '${first?.id}') end`)
  expect((await asking(one, REWORDED))?.cache).toBe('miss')
})

test('an admin lists, inspects, pins, unpins and removes', async () => {
  const it = await gateway()
  await asking(it, ORIGINAL)
  await asking(it, REWORDED)
  await asking(it, 'Which woods do you use for tables?')
  const admin = it.client.gateway.semantic
  const listed = (await admin?.list({ team: 'default', agent: 'support' })) ?? []
  expect(listed.map(({ question }) => question).toSorted()).toEqual([
    ORIGINAL,
    'Which woods do you use for tables?',
  ])
  expect(await admin?.list({ team: 'other' })).toEqual([])
  expect(await admin?.list({}, 1)).toHaveLength(1)
  const key = listed.find(({ question }) => question === ORIGINAL)?.key ?? ''
  expect(await admin?.inspect(key)).toMatchObject({ question: ORIGINAL, pinned: false, hits: 1 })
  expect(await admin?.pin(key)).toBe(true)
  expect(await admin?.inspect(key)).toMatchObject({ pinned: true })
  const [far] = await supabase.sql(
    "select count(*) as far from public.llm_semantic where expires_at > now() + interval '300 days'",
  )
  expect(Number(far?.far)).toBe(1)
  // A pinned answer is not replaced by a new one.
  const before = (await rows()).find(({ id }) => key.endsWith(String(id)))
  await it.client.chat.completions.create(ask(ORIGINAL), { headers: { 'x-gateway-cache': 'no-cache' } })
  await it.client.gateway.flush()
  expect((await rows()).find(({ id }) => key.endsWith(String(id)))).toEqual(before)
  expect(await admin?.pin(key, false)).toBe(true)
  expect(await admin?.inspect(key)).toMatchObject({ pinned: false })
  expect(await admin?.pin('gw:{default}:s:nothing')).toBe(false)
  expect(await admin?.remove({ key })).toBe(1)
  expect(await admin?.remove({ agent: 'seo' })).toBe(0)
  expect(await it.client.gateway.purge({ team: 'default' })).toBe(3)
  expect(await rows()).toEqual([])
})

test('pages of an admin come to an end, whatever stands in the table', async () => {
  const it = await gateway()
  await asking(it, ORIGINAL)
  await supabase.sql(`insert into public.llm_semantic (partition, id, vector, sealed, expires_at)
    select 'gw:{default}:s:' || lpad((n / 7)::text, 24, '0'), lpad(n::text, 20, '0'), '[1,2]', 'x', now() + interval '1 day'
    from generate_series(1, 450) as n`)
  const admin = it.client.gateway.semantic
  expect((await admin?.list({}))?.map(({ question }) => question)).toEqual([ORIGINAL])
  expect(await admin?.remove({ team: 'default' })).toBe(451)
})

test.each(['refuse', 'hang', 'error', 'lose'] as const)(
  'Supabase that answers with "%s" makes plain misses',
  async (fault) => {
    const it = await gateway({ deadlineMs: 300 })
    await asking(it, ORIGINAL)
    await supabase.become(fault)
    const record = await asking(it, REWORDED)
    expect(record).toMatchObject({ cache: 'miss', status: 'ok' })
    // The failure is known now: no call waits for Supabase.
    const requests = await supabase.requests()
    expect(await asking(it, `${REWORDED} Thanks!`)).toMatchObject({ cache: 'miss', status: 'ok' })
    expect((await supabase.requests()) - requests).toBeLessThanOrEqual(2)
  },
)

test('only the secret key reads or writes entries, or searches for neighbours', async () => {
  await asking(await gateway(), ORIGINAL)
  for (const role of ['anon', 'authenticated', 'llm_dashboard'] as const) {
    const client = supabase.as(role)
    const tries = [
      client.from('llm_semantic').select(),
      client.from('llm_semantic').delete().neq('id', ''),
      client.rpc('llm_semantic_nearest', { of_partition: 'x', query: '[1,2]', wanted: 1 }),
      client.rpc('llm_semantic_prune'),
    ]
    for (const { error } of await Promise.all(tries)) expect(error, role).not.toBeNull()
  }
  const { error } = await supabase.as('secret').rpc('llm_semantic_prune')
  expect(error).toBeNull()
  expect(await rows()).toHaveLength(1)
})

test('what has expired is pruned', async () => {
  await asking(await gateway(), ORIGINAL)
  await supabase.sql("update public.llm_semantic set expires_at = now() - interval '1 second'")
  expect((await supabase.sql('select public.llm_semantic_prune() as gone'))[0]?.gone).toBe(1)
})

test('in a table of many partitions the graph finds the nearest of the one that is asked', async () => {
  await supabase.sql(`insert into public.llm_semantic (partition, id, vector, sealed, expires_at)
    select 'p' || n % 4, 'i' || n, (select array_agg((hashint4(n * 1000 + d) % 100)::real)::extensions.halfvec(256) from generate_series(1, 256) d), 'x', now() + interval '1 day'
    from generate_series(1, 120) as n`)
  await supabase.sql('analyze public.llm_semantic')
  const secret = supabase.as('secret')
  for (const n of [1, 42, 119]) {
    const [row] = await supabase.sql(`select vector::text from public.llm_semantic where id = 'i${n}'`)
    const { data } = await secret.rpc('llm_semantic_nearest', {
      of_partition: `p${n % 4}`,
      query: row?.vector,
      wanted: 3,
    })
    expect(data).toHaveLength(3)
    expect(data[0].id).toBe(`i${n}`)
    const elsewhere = await secret.rpc('llm_semantic_nearest', {
      of_partition: 'nowhere',
      query: row?.vector,
      wanted: 3,
    })
    expect(elsewhere.data).toEqual([])
  }
  const plan = await supabase.sql(`set enable_sort = off; explain select s.id from public.llm_semantic s
     where s.partition = 'p1' and extensions.vector_dims(s.vector) = 256 and s.expires_at > now()
     order by (s.vector::extensions.halfvec(256)) operator(extensions.<=>) (select vector from public.llm_semantic limit 1)::extensions.halfvec(256) limit 3`)
  expect(JSON.stringify(plan)).toContain('llm_semantic_vector_256')
})
