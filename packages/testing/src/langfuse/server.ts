import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { breakConnection } from '../core/connection.ts'
import { type Json, type JsonObject, object, text } from '../core/json.ts'
import { loadTokenizer } from '../core/tokens.ts'
import { createChecker } from './checker.ts'
import type { DashboardStore } from './dashboards.ts'
import { applyFault, type LangfuseFault, send, sendJson, UNAUTHORIZED } from './faults.ts'
import type { FakeLangfuse, FakeLangfuseOptions, LangfuseRequest } from './options.ts'
import { spansOf } from './otlp.ts'
import { exportFromProtobuf } from './otlp-protobuf.ts'
import { findRoute, type ServerState } from './routes.ts'
import type { TraceStore } from './trace-store.ts'
import { createWorker } from './worker.ts'

export type { FakeLangfuse, FakeLangfuseOptions, LangfuseRequest, LangfuseVersion } from './options.ts'

/**
 * Starts a stand-in for Langfuse 2.95.12 or 4.16.0 on loopback. It behaves as measured on real servers: what they accept,
 * drop and reject, how they compute tokens and costs, and how they fail. It checks everything it receives.
 *
 * @throws (rejects) where the port is taken or the API description cannot be read
 * @example
 * const langfuse = await startFakeLangfuse({ version: '2.95.12' })
 * const { baseURL: baseUrl, publicKey, secretKey } = langfuse
 * const client = new Langfuse({ baseUrl, publicKey, secretKey })
 */
export async function startFakeLangfuse(options: FakeLangfuseOptions = {}): Promise<FakeLangfuse> {
  const { version = '4.16.0', publicKey = 'pk-lf-fake', secretKey = 'sk-lf-fake' } = options
  const checker = await createChecker(options)
  const tokenizer = await loadTokenizer('approximate')
  const store: TraceStore = {
    traces: new Map(),
    observations: new Map(),
    scores: new Map(),
    stored: new Map(),
  }
  const dashboards: DashboardStore = { widgets: new Map(), dashboards: new Map() }
  const requests: LangfuseRequest[] = []
  let fault: LangfuseFault | undefined
  let remaining = 0

  const count = (value: Json | undefined) =>
    value === undefined
      ? undefined
      : tokenizer.count(typeof value === 'string' ? value : JSON.stringify(value))

  const state: ServerState = { version, store, dashboards, checker, count, worker: createWorker() }

  const server = createServer({ keepAliveTimeout: 60_000, noDelay: true }, (req, res) => {
    handle(req, res).catch((error: unknown) => {
      if (!res.headersSent && !res.destroyed) sendJson(res, 500, { message: String(error) })
      else breakConnection(res, 'cut')
    })
  })

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { authorization, ...headers } = req.headers
    const { pathname: path, searchParams: query } = new URL(req.url ?? '/', 'http://langfuse')
    const method = req.method ?? 'GET'
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const bytes = Buffer.concat(chunks)
    const request: LangfuseRequest = {
      method,
      path,
      headers,
      bytes: bytes.length,
      events: 0,
      at: Date.now(),
      get status() {
        return res.headersSent ? res.statusCode : undefined
      },
    }
    requests.push(request)
    const activeFault = takeFault(request)
    const body = method === 'GET' ? {} : await parseBody(bytes, req.headers)
    if (method !== 'GET') request.events = countEvents(body)
    if (activeFault && (await applyFault(res, activeFault))) return
    const route = findRoute(request, version)
    if (route === undefined) return send(res, 404, 'text/html', NOT_FOUND)
    const isPublic = path === '/api/public/health' || path === '/api/public/ready'
    if (!isPublic && authorization !== `Basic ${btoa(`${publicKey}:${secretKey}`)}`)
      return sendJson(res, 401, UNAUTHORIZED)
    if (body === undefined) {
      checker.complain('unknown', `the body of ${path} is no JSON object`)
      return send(res, 400, undefined, 'Invalid JSON')
    }
    const answer = await route({ request, query, body, fault: activeFault }, state)
    if (activeFault?.type === 'reset-after-storing') breakConnection(res, 'reset')
    else if ('text' in answer) send(res, answer.status, undefined, answer.text)
    else sendJson(res, answer.status, answer.json)
  }

  function takeFault({ method, path }: LangfuseRequest): LangfuseFault | undefined {
    if (fault === undefined || remaining <= 0) return undefined
    if (fault.path === undefined ? method === 'GET' : fault.path !== path) return undefined
    remaining -= 1
    return fault
  }

  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', () => {
        server.off('error', reject)
        resolve()
      })
    })
  await listen(options.port ?? 0)
  const { port } = server.address() as AddressInfo

  async function stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }

  function clear(): void {
    fault = undefined
    remaining = 0
  }

  return {
    baseURL: `http://127.0.0.1:${port}`,
    port,
    version,
    publicKey,
    secretKey,
    ...store,
    ...dashboards,
    requests,
    malformed: checker.complaints,
    get checked() {
      return checker.checked()
    },
    fault({ times: limit = Number.POSITIVE_INFINITY, ...next }) {
      fault = next
      remaining = limit
    },
    clear,
    reset() {
      clear()
      requests.length = 0
      checker.reset()
      for (const map of Object.values({ ...store, ...dashboards })) map.clear()
    },
    stop,
    start: () => (server.listening ? Promise.resolve() : listen(port)),
    close: stop,
    [Symbol.asyncDispose]: stop,
  }
}

const NOT_FOUND = '<!DOCTYPE html><html><body><h1>404</h1>This page could not be found.</body></html>'

function countEvents(body: JsonObject | undefined): number {
  if (body === undefined) return 0
  if (Array.isArray(body.batch)) return body.batch.length
  return Array.isArray(body.resourceSpans) ? spansOf(body).length : 1
}

/** Parses a body of JSON or protobuf, gzipped or not; returns `undefined` where it is neither. */
async function parseBody(
  bytes: Buffer,
  headers: IncomingMessage['headers'],
): Promise<JsonObject | undefined> {
  try {
    const isGzip = text(headers['content-encoding']).includes('gzip')
    const plain = isGzip ? await promisify(gunzip)(bytes) : bytes
    if (text(headers['content-type']).includes('protobuf')) return exportFromProtobuf(plain)
    return object(JSON.parse(plain.toString()))
  } catch {
    return undefined
  }
}
