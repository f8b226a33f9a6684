import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { scramVerifier } from '../../packages/ops/src/secrets/variables.ts'
import { ensurePostgres, type Postgres, startPostgres } from '../supabase/postgres.ts'
import { ensurePgbouncer, type Pgbouncer, startPgbouncer } from './pgbouncer.ts'
import { freePort } from './ports.ts'

const sql = fileURLToPath(new URL('../../packages/infra/supabase/', import.meta.url))
const read = (file: string) => readFileSync(`${sql}${file}`, 'utf8')
const programs = ensurePostgres()
const hasAll = programs !== undefined && ensurePgbouncer()
const PASSWORD = 'a password of letters'

let server: Postgres
let pooler: Pgbouncer
const clients: postgres.Sql[] = []

/** Connects as Langfuse does: by the pooler without prepared statements, or straight to the server. */
function connectAs(username: string, password: string, port: number): postgres.Sql {
  const client = postgres({
    ...{ host: '127.0.0.1', port, username, password, database: 'postgres' },
    ...{ prepare: false, max: 1, fetch_types: false, onnotice: () => undefined },
  })
  clients.push(client)
  return client
}

beforeAll(async () => {
  if (!hasAll) return
  server = startPostgres(programs, await freePort())
  await server.sql(`
    create role anon nologin; create role authenticated nologin; create role service_role nologin bypassrls;
    create role other login password '${scramVerifier(PASSWORD)}'`)
  await server.sql(read('migrations/20261123000000_llm_usage.sql'))
  for (const _ of ['first', 'again']) await server.sql(read('langfuse/role.sql'))
  // What password.sql does with its variable.
  await server.sql(`alter role langfuse_app with password '${scramVerifier(PASSWORD)}'`)
  pooler = await startPgbouncer(await freePort(), server.port, { langfuse_app: PASSWORD, other: PASSWORD })
})

afterAll(async () => {
  await Promise.all(clients.map((client) => client.end()))
  await pooler?.close()
  server?.close()
})

const atPostgres = test.skipIf(!hasAll)

atPostgres('the verifier admits its password, and no other', async () => {
  const client = connectAs('langfuse_app', PASSWORD, server.port)
  expect(await client`select current_user`).toEqual([{ current_user: 'langfuse_app' }])
  const wrong = connectAs('langfuse_app', 'another one', server.port)
  await expect(wrong`select 1`).rejects.toThrow('password authentication failed')
})

atPostgres('tables without a schema land in langfuse: made straight, used through the pooler', async () => {
  const straight = connectAs('langfuse_app', PASSWORD, server.port)
  await straight.unsafe('create table traces (id int primary key)')
  // More clients than the pooler has connections: each transaction may get another one.
  const pooled = Array.from({ length: 6 }, () => connectAs('langfuse_app', PASSWORD, pooler.port))
  await Promise.all(pooled.map((client, id) => client`insert into traces values (${id})`))
  await Promise.all(pooled.map((client) => client.begin((one) => one`select count(*) from traces`)))
  expect(await server.sql('select count(*) from langfuse.traces')).toEqual(['6'])
  expect(await server.sql("select to_regclass('public.traces') is null")).toEqual(['t'])
})

atPostgres('other roles of the same pooler keep their own path', async () => {
  const langfuse = connectAs('langfuse_app', PASSWORD, pooler.port)
  await langfuse`select 1`
  const other = connectAs('other', PASSWORD, pooler.port)
  expect(await other`show search_path`).toEqual([{ search_path: '"$user", public' }])
})

atPostgres('langfuse_app reads no call, and no role of the Data API reads Langfuse', async () => {
  const langfuse = connectAs('langfuse_app', PASSWORD, server.port)
  await expect(langfuse`select * from public.llm_usage`).rejects.toThrow('permission denied')
  await expect(langfuse.unsafe('create table public.intruder (id int)')).rejects.toThrow('permission denied')
  for (const role of ['anon', 'authenticated', 'service_role'])
    await expect(server.sql(`set role ${role}; select * from langfuse.traces`), role).rejects.toThrow(
      'permission denied for schema langfuse',
    )
})

atPostgres('role.sql refuses a project whose Data API exposes langfuse', async () => {
  await server.sql(
    "create role authenticator noinherit; alter role authenticator set pgrst.db_schemas = 'public, langfuse'",
  )
  await expect(server.sql(read('langfuse/role.sql'))).rejects.toThrow('The Data API exposes schema langfuse')
  await server.sql("alter role authenticator set pgrst.db_schemas = 'public, langfuse_other'")
  await server.sql(read('langfuse/role.sql'))
})
