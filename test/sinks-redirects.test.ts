import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { GatewayOptions } from '@hotdash/llm-gateway'
import { createPgvectorIndex } from '@hotdash/llm-gateway/pgvector'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { allowLogInFile } from './console.ts'
import { runs } from './runs.ts'
import { embedder } from './semantic-embedder.ts'
import { ask, setup } from './support.ts'

allowLogInFile('GW_SINK_DOWN')
allowLogInFile('GW_SINK_ERROR')
allowLogInFile('GW_SINK_DROPPED')
allowLogInFile('GW_SEMANTIC_STORE_ERROR')
allowLogInFile('GW_SUPABASE_LIMITS_FAILED')

type Seen = { method: string; body: string }

/** A server that tells what it was asked, and answers by `answer`. */
async function receiver(answer: (seen: Seen, res: ServerResponse, req: IncomingMessage) => void) {
  const seen: Seen[] = []
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const asked = { method: req.method ?? '', body: Buffer.concat(chunks).toString() }
    seen.push(asked)
    answer(asked, res, req)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const SECRET = 'sb_secret_0123456789abcdefghij'
const SINKS: Record<string, (url: string) => GatewayOptions> = {
  supabase: (url) => ({ supabase: { url, secretKey: SECRET } }),
  langfuse: (baseUrl) => ({
    langfuse: { publicKey: 'pk-lf-1', secretKey: 'sk-lf-1', baseUrl, api: 'ingestion' },
  }),
  'langfuse, otlp': (baseUrl) => ({
    langfuse: { publicKey: 'pk-lf-1', secretKey: 'sk-lf-1', baseUrl, api: 'otlp' },
  }),
  otel: (url) => ({ otel: { url: `${url}/v1/traces`, headers: { 'x-key': 'secret' } } }),
}
const sink = fc.constantFrom(...Object.keys(SINKS))
const status = fc.constantFrom(300, 301, 302, 303, 307, 308)

async function delivering(options: GatewayOptions) {
  const it = await setup({ redis: false, cache: false, ...options })
  onTestFinished(async () => void (await it.client.gateway.close(500)))
  return { ...it, stats: () => Object.values(it.client.gateway.stats().sinks ?? {})[0] }
}

test('a receiver that redirects has taken nothing, and no other origin is told anything', async () => {
  await fc.assert(
    fc.asyncProperty(sink, status, fc.boolean(), async (name, code, isElsewhere) => {
      // To most receivers any GET of a page is a success.
      const elsewhere = await receiver((_, res) => void res.writeHead(200).end())
      let redirects = true
      const asked = await receiver(({ method }, res, req) => {
        const location = `${isElsewhere ? elsewhere.url : ''}/moved`
        if (req.url === '/moved' || !redirects) return void res.writeHead(method === 'GET' ? 200 : 201).end()
        res.writeHead(code, { location }).end()
      })
      const { client, stats } = await delivering(SINKS[name]?.(asked.url) ?? {})
      await client.chat.completions.create(ask('where?'))
      expect(await client.gateway.flush(10_000)).toBe(false)
      expect(stats()).toMatchObject({ delivered: 0, rejected: 0, dropped: 0, queued: 1 })
      expect(elsewhere.seen).toEqual([])
      if (name.startsWith('langfuse')) return
      redirects = false
      const before = asked.seen.length
      expect(await client.gateway.flush(10_000)).toBe(true)
      expect(stats()).toMatchObject({ delivered: 1, queued: 0 })
      expect(asked.seen.slice(before).filter(({ body }) => body.includes('gpt-4o-mini')).length).toBe(1)
    }),
    { numRuns: runs(60) },
  )
})

test.each([
  ['an object', 200, '{"ok":true}'],
  ['a list of rows', 200, '[{"request_id":"x"}]'],
  ['nothing yet', 202, ''],
  ['a part', 206, ''],
])('a success that is not Supabase’s, %s, has stored no row', async (_, code, body) => {
  const asked = await receiver(
    (_seen, res) => void res.writeHead(code, { 'content-type': 'application/json' }).end(body),
  )
  const { client, stats } = await delivering(SINKS.supabase?.(asked.url) ?? {})
  await client.chat.completions.create(ask('where?'))
  expect(await client.gateway.flush(10_000)).toBe(false)
  expect(stats()).toMatchObject({ delivered: 0, queued: 1 })
})

test('a vector database that redirects gets its key sent to no other origin', async () => {
  const elsewhere = await receiver((_, res) => void res.writeHead(200).end('[]'))
  const asked = await receiver((_, res) => void res.writeHead(307, { location: elsewhere.url }).end())
  const { client } = await delivering({
    policy: { cache: { exact: false, semantic: { mode: 'on', judge: false } } },
    cache: { semantic: { embedder, index: createPgvectorIndex({ url: asked.url, secretKey: SECRET }) } },
  })
  await client.chat.completions.create(ask('Do you ship the wooden chairs to Norway?'))
  await client.gateway.flush(10_000)
  expect(asked.seen.length).toBeGreaterThan(0)
  expect(elsewhere.seen).toEqual([])
})
