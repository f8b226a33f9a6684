import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { startFakeLangfuse } from '@hotdash/llm-gateway-testing'

/** Receivers of records whose faults can be switched. */
export type Receiver = 'langfuse' | 'supabase' | 'otel'
export const FAULTS = ['none', 'error', 'busy', 'hang', 'slow', 'reset', 'reset-after'] as const
export type ReceiverFault = (typeof FAULTS)[number]

const LANGFUSE = {
  error: { type: 'server-error' },
  busy: { type: 'rate-limited', retryAfterSeconds: 1 },
  hang: { type: 'hang' },
  slow: { type: 'slow', ms: 500 },
  reset: { type: 'reset' },
  'reset-after': { type: 'reset-after-storing' },
} as const

/** A server that takes records and remembers their ids. `idsIn`: reads the ids of a body. */
async function startReceiver(idsIn: (body: unknown) => string[]) {
  const ids = new Set<string>()
  let fault: ReceiverFault = 'none'
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request).catch(() => undefined)
    if (body === undefined || fault === 'hang') return
    if (fault === 'reset') return void response.destroy()
    if (fault === 'error') return void response.writeHead(503).end('upstream connect error')
    if (fault === 'busy') return void response.writeHead(429, { 'retry-after': '1' }).end()
    if (fault === 'slow') await sleep(500)
    for (const id of idsIn(body)) ids.add(id)
    if (fault === 'reset-after') return void response.destroy()
    response.writeHead(request.url?.startsWith('/rest/') ? 201 : 200, { 'content-type': 'application/json' })
    response.end(request.url?.startsWith('/rest/') ? '' : '{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    ids,
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fault(now: ReceiverFault) {
      fault = now
      // What hangs is never answered.
      if (now === 'none') server.closeIdleConnections()
    },
  }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  const bytes = Buffer.concat(pieces)
  if (bytes.length === 0) return []
  return JSON.parse((request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString())
}

type Attribute = { key: string; value: { stringValue?: string } }
type Spans = { resourceSpans: { scopeSpans: { spans: { attributes: Attribute[] }[] }[] }[] }

const rowIds = (body: unknown) =>
  [body].flat().flatMap((row) => (row as { request_id?: string } | null)?.request_id ?? [])

const spanIds = (body: unknown) =>
  ((body as Spans).resourceSpans ?? [])
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
    .flatMap(
      ({ attributes }) =>
        attributes.find(({ key }) => key === 'llm_gateway.call_id')?.value.stringValue ?? [],
    )

/** A stand-in Langfuse, a table, and a collector. Their ids are kept; all else is forgotten every few seconds. */
export async function startReceivers() {
  const langfuse = await startFakeLangfuse({ version: '4.16.0' })
  const table = await startReceiver(rowIds)
  const collector = await startReceiver(spanIds)
  const observed = new Set<string>()
  const malformed = new Set<string>()
  let fault: ReceiverFault = 'none'

  function harvest(): void {
    for (const [id, { metadata }] of langfuse.observations) observed.add(callIdIn(metadata) ?? id)
    for (const problem of langfuse.malformed) malformed.add(problem)
    langfuse.reset()
    if (fault !== 'none') langfuse.fault(LANGFUSE[fault])
  }
  setInterval(harvest, 5_000)

  return {
    places: {
      langfuse: { baseUrl: langfuse.baseURL, publicKey: langfuse.publicKey, secretKey: langfuse.secretKey },
      supabase: { url: table.base, secretKey: `sb_secret_${'a'.repeat(22)}_${'b'.repeat(8)}` },
      otel: { url: `${collector.base}/v1/traces` },
    },
    fault(receiver: Receiver, now: ReceiverFault) {
      if (receiver === 'supabase') return table.fault(now)
      if (receiver === 'otel') return collector.fault(now)
      fault = now
      if (now === 'none') langfuse.clear()
      else langfuse.fault(LANGFUSE[now])
    },
    counts: () => ({ langfuse: observed.size, supabase: table.ids.size, otel: collector.ids.size }),
    ids() {
      harvest()
      return { langfuse: [...observed], supabase: [...table.ids], otel: [...collector.ids] }
    },
    malformed: () => [...malformed].slice(0, 5),
  }
}

/** Spans have ids of their own; the call's is in the metadata. */
function callIdIn(metadata: unknown): string | undefined {
  const call =
    typeof metadata === 'object' && metadata !== null && 'call' in metadata ? metadata.call : undefined
  return typeof call === 'string' ? call : undefined
}
