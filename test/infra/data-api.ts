import { createServer } from 'node:http'
import { App } from '@supabase/lite'
import { createPostgresConnection } from '@supabase/lite/postgres'
import { freePort } from './ports.ts'

type DataApi = {
  url: string
  /** Reads the schema again, as an event trigger of Supabase has PostgREST do. */
  refresh: () => Promise<void>
  close: () => Promise<void>
}

/**
 * Starts a Data API like Supabase's before a real Postgres server. On its first row level security it grants all rights
 * to all roles, so this is done before the migrations.
 *
 * @param url of a role that may become the others
 */
export async function startDataApi(url: string, secretKey: string): Promise<DataApi> {
  const connection = createPostgresConnection({ url })
  const auth = { publishable_key: 'sb_publishable_rehearsal', secret_key: secretKey }
  const app = new App({ connection, auth, api: { schemas: ['public'] } })
  await connection.driver.unsafe('create table first (id int); alter table first enable row level security')
  await app.fetch(new Request('http://localhost/rest/v1/first', { headers: { apikey: secretKey } }))
  await connection.driver.unsafe('drop table first')
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', async () => {
      const { method = 'GET', headers } = request
      const answer = await app.fetch(
        new Request(`http://${headers.host}${request.url}`, {
          method,
          headers: headers as Record<string, string>,
          ...(chunks.length > 0 ? { body: Buffer.concat(chunks) } : {}),
        }),
      )
      const { 'content-length': _, ...rest } = Object.fromEntries(answer.headers)
      response.writeHead(answer.status, rest).end(await answer.text())
    })
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${port}`,
    async refresh() {
      await connection.clearSchemaCache()
      // The first request reads the schema, which takes seconds on a busy machine.
      await fetch(`http://127.0.0.1:${port}/rest/v1/llm_usage?limit=1`, { headers: { apikey: secretKey } })
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await connection.close()
    },
  }
}
