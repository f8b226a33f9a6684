import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

type Value = Record<string, unknown>
type KeyValue = { key: string; value: Value }
export type Received = {
  path: string | undefined
  headers: IncomingHttpHeaders
  spans: Span[]
  service: unknown
}
export type Span = Record<string, unknown> & { attributes: Record<string, unknown> }

/** A collector of OpenTelemetry: keeps what it is sent, and answers as it is told. */
export async function startCollector() {
  const received: Received[] = []
  const state = { status: 200, body: '{}', type: 'application/json' }
  const server = createServer(async (req, res) => {
    const pieces: Buffer[] = []
    for await (const piece of req) pieces.push(piece as Buffer)
    const { resourceSpans } = JSON.parse(Buffer.concat(pieces).toString())
    const [{ resource, scopeSpans }] = resourceSpans
    received.push({
      path: req.url,
      headers: req.headers,
      spans: scopeSpans[0].spans.map((span: Span) => ({
        ...span,
        attributes: plain(span.attributes as unknown as KeyValue[]),
      })),
      service: plain(resource.attributes)['service.name'],
    })
    res.writeHead(state.status, { 'content-type': state.type }).end(state.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    base,
    url: `${base}/v1/traces`,
    received,
    state,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

export type Collector = Awaited<ReturnType<typeof startCollector>>

const plain = (attributes: KeyValue[]) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
