import type { Json, JsonObject } from '../core/json.ts'
import type { Checker } from './checker.ts'
import type { CountText } from './cost.ts'
import { type DashboardStore, handleDashboards, isDashboardPath } from './dashboards.ts'
import { batchOf, scoreFindings } from './event-rules.ts'
import type { LangfuseFault } from './faults.ts'
import type { HttpAnswer } from './http-answer.ts'
import { ingest, ingestSequentially, storeScore } from './ingestion.ts'
import type { LangfuseRequest, LangfuseVersion } from './options.ts'
import { exportProblem, spansOf, storeSpan } from './otlp.ts'
import { listObservations, listTraces } from './read-routes.ts'
import type { TraceStore } from './trace-store.ts'
import type { Worker } from './worker.ts'

/** The state of a server that its routes use. */
export type ServerState = {
  version: LangfuseVersion
  store: TraceStore
  dashboards: DashboardStore
  checker: Checker
  count: CountText
  worker: Worker
}

export type RouteRequest = {
  request: LangfuseRequest
  query: URLSearchParams
  body: JsonObject
  /** A fault under which the route still answers. */
  fault: LangfuseFault | undefined
}

type Route = (request: RouteRequest, state: ServerState) => HttpAnswer | Promise<HttpAnswer>

const health: Route = (_, { version }) => ({ status: 200, json: { status: 'OK', version } })

/** Routes by method and path. */
const ROUTES: Record<string, Route | undefined> = {
  'GET /api/public/health': health,
  'GET /api/public/ready': health,
  'POST /api/public/ingestion': ingestBatch,
  'POST /api/public/scores': ingestScore,
}
const ROUTES_OF_V2: typeof ROUTES = { ...ROUTES, 'GET /api/public/traces': listTraces }
const ROUTES_OF_V4: typeof ROUTES = {
  ...ROUTES,
  'POST /api/public/otel/v1/traces': ingestSpans,
  'GET /api/public/v2/observations': listObservations,
}

/** Returns the route of a request; `undefined` where that version has none. */
export function findRoute({ method, path }: LangfuseRequest, version: LangfuseVersion): Route | undefined {
  const routes = version === '4.16.0' ? ROUTES_OF_V4 : ROUTES_OF_V2
  if (version === '4.16.0' && isDashboardPath(path)) return dashboardsRoute
  const name = `${method} ${path}`
  return Object.hasOwn(routes, name) ? routes[name] : undefined
}

/** Body limits of Langfuse's Next.js server: 4.5 MB for batches, 1 MB elsewhere. */
const MAX_BATCH_BYTES = 4.5 * 1024 * 1024
const MAX_BODY_BYTES = 1024 * 1024

/** Next.js answers in plain text. */
const tooLarge = (limit: string): HttpAnswer => ({ status: 413, text: `Body exceeded ${limit} limit` })

const invalid = (error: Json): HttpAnswer => ({
  status: 400,
  json: { message: 'Invalid request data', error },
})

async function ingestBatch({ request, body, fault }: RouteRequest, state: ServerState): Promise<HttpAnswer> {
  const { version, store, checker, count, worker } = state
  if (request.bytes > MAX_BATCH_BYTES) return tooLarge('4.5mb')
  checker.batch(body)
  const batch = batchOf(body)
  if (batch === undefined) return invalid('Required')
  if (fault?.type === 'busy') {
    const waitForTurn = () => worker.work(fault.msPerEvent)
    return { status: 207, json: await ingestSequentially(batch, version, store, count, waitForTurn) }
  }
  return { status: 207, json: ingest(batch, version, store, count, fault) }
}

function ingestScore(
  { request, body, fault }: RouteRequest,
  { version, store, checker }: ServerState,
): HttpAnswer {
  if (request.bytes > MAX_BODY_BYTES) return tooLarge('1mb')
  checker.score(body)
  const rejections = scoreFindings(body, version).filter(({ rejected }) => rejected)
  if (rejections.length > 0) return invalid(rejections.map(({ problem }) => problem))
  if (isRejecting(fault)) return invalid('rejected by a fault')
  return { status: 200, json: { id: storeScore(body, store) } }
}

async function ingestSpans({ body, fault }: RouteRequest, state: ServerState): Promise<HttpAnswer> {
  const { store, checker, count, worker } = state
  const spans = spansOf(body)
  checker.export(body, spans)
  const problem = exportProblem(body) ?? (fault?.type === 'all-rejected' ? 'rejected by a fault' : undefined)
  if (problem !== undefined) return { status: 400, json: { error: problem } }
  if (fault?.type === 'busy') await worker.work(fault.msPerEvent * spans.length)
  const rejectedSpans = fault?.type === 'some-rejected' ? (fault.count ?? 1) : 0
  for (const span of spans.slice(rejectedSpans)) storeSpan(span, store, count)
  if (rejectedSpans === 0) return { status: 200, json: {} }
  return {
    status: 200,
    json: { partialSuccess: { rejectedSpans: String(rejectedSpans), errorMessage: 'rejected by a fault' } },
  }
}

function dashboardsRoute(
  { request, query, body }: RouteRequest,
  { dashboards, checker }: ServerState,
): HttpAnswer {
  return handleDashboards({ ...request, query, body }, dashboards, checker)
}

const isRejecting = (fault: LangfuseFault | undefined) =>
  fault?.type === 'all-rejected' || fault?.type === 'some-rejected'
