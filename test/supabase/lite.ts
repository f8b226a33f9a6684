import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { flushCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import { vector } from '@electric-sql/pglite/vector'
import { App } from '@supabase/lite'
import { createPgliteConnection } from '@supabase/lite/pglite'
import type { Fault, Keys, Order, Told } from './server.ts'
import { emptyPostgres, keptPostgres } from './template.ts'

const folder = fileURLToPath(new URL('../../packages/infra/supabase/migrations/', import.meta.url))
/** All migrations, in order. */
const migrations = readdirSync(folder)
  .toSorted()
  .map((file) => readFileSync(`${folder}${file}`, 'utf8'))

/** What a project of Supabase has before any migration: its roles, and who may become whom. */
const ROLES = `
  create role anon nologin;
  create role authenticated nologin;
  create role service_role nologin bypassrls;
  create role authenticator noinherit login;
  grant anon, authenticated, service_role to authenticator;
  grant usage on schema public to anon, authenticated, service_role;
`

/** Projects made since 2026-10-30 grant nothing by default. This server itself grants everything, as older ones did. */
const GRANT_NOTHING = `
  alter default privileges in schema public revoke all on tables from anon, authenticated, service_role;
  alter default privileges in schema public revoke all on sequences from anon, authenticated, service_role;
`

type Grants = 'everything' | 'nothing'

/** Returns the data directory of a project with all migrations, which is made once a month: they make parts of months. */
async function migratedProject(grants: Grants): Promise<Blob> {
  const own = readFileSync(fileURLToPath(import.meta.url), 'utf8')
  const made = createHash('sha256')
    .update([own, ...migrations].join('\n'))
    .digest('hex')
    .slice(0, 12)
  const month = new Date().toISOString().slice(0, 7)
  return await keptPostgres(`${grants}-${made}-${month}`, async () => {
    const connection = await createPgliteConnection({
      pgliteOptions: { extensions: { vector }, loadDataDir: await emptyPostgres() },
    })
    const { driver } = connection
    await driver.exec(ROLES)
    // On its first row level security, this server grants all rights to all roles: here, and not on the tables under test.
    await driver.exec('create table first (id int); alter table first enable row level security')
    const secret_key = 'sb_secret_of_the_template'
    const app = new App({ connection, auth: { secret_key }, api: { schemas: ['public'] } })
    await app.fetch(new Request('http://localhost/rest/v1/first', { headers: { apikey: secret_key } }))
    await driver.exec('drop table first')
    if (grants === 'nothing') await driver.exec(GRANT_NOTHING)
    for (const migration of migrations) await driver.exec(migration)
    return { db: driver, close: () => connection.close() }
  })
}

/** Supabase, as far as the gateway sees it, in a process of its own: a Postgres, its Data API, and faults on demand. */
async function start({ keys, grants }: { keys: Keys; grants: Grants }) {
  const connection = await createPgliteConnection({
    pgliteOptions: { extensions: { vector }, loadDataDir: await migratedProject(grants) },
  })
  // It has granted what it grants on its first row level security, and would do it again.
  Object.assign(connection, { rlsState: 'active' })
  const { driver } = connection
  const auth = {
    publishable_key: keys.publishable,
    secret_key: keys.secret,
    jwt_secret: keys.signing,
  }
  const app = new App({ connection, auth, api: { schemas: ['public'] } })
  await readSchema()

  let fault: Fault = 'none'
  let requests = 0
  const server = createServer((request, response) => void answer(request, response))

  async function answer(request: IncomingMessage, response: ServerResponse) {
    requests += 1
    const body: Buffer[] = []
    for await (const chunk of request) body.push(chunk as Buffer)
    if (fault === 'hang') return
    if (fault === 'error') return void response.writeHead(503).end('upstream connect error')
    if (fault === 'busy') await new Promise((resolve) => setTimeout(resolve, 6 * rowsIn(body)))
    const { method = 'GET', headers } = request
    const answer = await app.fetch(
      new Request(`http://${headers.host}${request.url}`, {
        method,
        headers: headers as Record<string, string>,
        ...(body.length > 0 ? { body: Buffer.concat(body) } : {}),
      }),
    )
    const text = await answer.text()
    if (fault === 'withhold') return
    if (fault === 'lose') return void request.socket.destroy()
    const { 'content-length': _, ...rest } = Object.fromEntries(answer.headers)
    response.writeHead(answer.status, rest).end(text)
  }

  const listen = (port: number) =>
    new Promise<number>((resolve) => {
      server.listen(port, '127.0.0.1', () => {
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
  const port = await listen(0)

  /** As an event trigger of Supabase has PostgREST do: it takes longer than a sink may wait for an answer. */
  async function readSchema() {
    await connection.clearSchemaCache()
    const first = 'http://localhost/rest/v1/llm_usage?select=request_id&limit=1'
    await app.fetch(new Request(first, { headers: { apikey: keys.secret } }))
  }

  async function become(next: Fault) {
    const was = fault
    fault = next
    if (was === 'refuse' && next !== 'refuse') await listen(port)
    if (was !== 'refuse' && next === 'refuse') server.close()
    // What hangs, or was kept alive, ends with the fault.
    server.closeAllConnections()
  }

  async function obey(order: Order): Promise<Omit<Told, 'id'>> {
    if (order.type === 'fault') await become(order.fault)
    if (order.type === 'requests') return { rows: [{ requests }] }
    if (order.type === 'migrate') {
      for (const migration of migrations) await driver.exec(migration)
      await readSchema()
    }
    if (order.type === 'sql') {
      const results = await driver.exec(order.sql)
      return { rows: (results.at(-1)?.rows ?? []) as Record<string, unknown>[] }
    }
    return { rows: [] }
  }

  process.on('message', (order: Order) => {
    const answered = obey(order).catch((error: unknown) => ({ error: String(error) }))
    void answered.then((told) => process.send?.({ id: order.id, ...told }))
  })
  process.on('disconnect', () => process.exit())
  // It is killed, and would keep none of its compiled code for the next.
  flushCompileCache()
  process.send?.({ id: 0, rows: [{ port }] } satisfies Told)
}

function rowsIn(body: Buffer[]): number {
  const rows: unknown = body.length === 0 ? [] : JSON.parse(Buffer.concat(body).toString())
  return Array.isArray(rows) ? rows.length : 1
}

if (process.send !== undefined) void start(JSON.parse(process.argv[2] ?? '{}'))
