import { createServer, type Server } from 'node:http'
import { renderMetrics } from './prometheus.ts'
import type { MonitorStatus } from './run.ts'

export type StatusServer = { port: number; close: () => void }

/**
 * Serves `/metrics` in Prometheus' text format, and `/healthz`: 200 while evaluations happen, 503 once the last one is
 * older than `maxAgeMs`.
 */
export async function startStatusServer(
  status: MonitorStatus,
  { host, port, maxAgeMs }: { host: string; port: number; maxAgeMs: number },
): Promise<StatusServer> {
  const server: Server = createServer((request, response) => {
    const path = (request.url ?? '').split('?', 1)[0]
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end()
    } else if (path === '/metrics') {
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
      response.end(renderMetrics(status))
    } else if (path === '/healthz') {
      const isAlive = status.lastAt !== undefined && Date.now() - status.lastAt <= maxAgeMs
      response.writeHead(isAlive ? 200 : 503, { 'content-type': 'application/json' })
      response.end(
        JSON.stringify({ status: isAlive ? 'ok' : 'stalled', role: status.last?.role ?? 'starting' }),
      )
    } else response.writeHead(404).end()
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve())
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
