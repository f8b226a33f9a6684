import type { Json, JsonObject } from '../core/json.ts'
import type { Checker } from './checker.ts'
import type { CountText } from './cost.ts'
import { answerDashboards, type Board, isDashboardPath } from './dashboards.ts'
import type { LangfuseFault } from './faults.ts'
import { ingest, ingestSlowly, storeScore } from './ingestion.ts'
import type { Ledger } from './ledger.ts'
import type { LangfuseRequest, LangfuseVersion } from './options.ts'
import { exportProblem, spansOf, storeSpan } from './otlp.ts'
import { batchOf, scoreFindings } from './rules.ts'
import type { Worker } from './worker.ts'

/** What a server of one version knows when it answers. */
export type Desk = {
  version: LangfuseVersion
  ledger: Ledger
  board: Board
  checker: Checker
  count: CountText
  worker: Worker
}

export type Answer = { status: number; json: unknown } | { status: number; text: string }

export type Question = {
  request: LangfuseRequest
  query: URLSearchParams
  body: JsonObject
  /** One that lets the server answer for itself. */
  fault: LangfuseFault | undefined
}

type Route = (question: Question, desk: Desk) => Answer | Promise<Answer>

const health: Route = (_, { version }) => ({ status: 200, json: { status: 'OK', version } })

/** By method and path. */
const ROUTES: Record<string, Route | undefined> = {
  'GET /api/public/health': health,
  'GET /api/public/ready': health,
  'POST /api/public/ingestion': takeBatch,
  'POST /api/public/scores': takeScore,
}
const ROUTES_OF_V4: typeof ROUTES = { ...ROUTES, 'POST /api/public/otel/v1/traces': takeSpans }

export function routeFor({ method, path }: LangfuseRequest, version: LangfuseVersion): Route | undefined {
  const routes = version === '4.16.0' ? ROUTES_OF_V4 : ROUTES
  if (version === '4.16.0' && isDashboardPath(path)) return changeDashboards
  const name = `${method} ${path}`
  return Object.hasOwn(routes, name) ? routes[name] : undefined
}

/** What Next.js lets through before it parses a body: 4.5 MB where the route says so, 1 MB elsewhere. */
const MAX_BATCH_BYTES = 4.5 * 1024 * 1024
const MAX_BODY_BYTES = 1024 * 1024

/** In plain text. */
const tooLarge = (limit: string): Answer => ({ status: 413, text: `Body exceeded ${limit} limit` })

const invalid = (error: Json): Answer => ({ status: 400, json: { message: 'Invalid request data', error } })

async function takeBatch({ request, body, fault }: Question, desk: Desk): Promise<Answer> {
  const { version, ledger, checker, count, worker } = desk
  if (request.bytes > MAX_BATCH_BYTES) return tooLarge('4.5mb')
  checker.batch(body)
  const batch = batchOf(body)
  if (batch === undefined) return invalid('Required')
  if (fault?.type === 'busy') {
    const turn = () => worker.work(fault.msPerEvent)
    return { status: 207, json: await ingestSlowly(batch, version, ledger, count, turn) }
  }
  return { status: 207, json: ingest(batch, version, ledger, count, fault) }
}

function takeScore({ request, body, fault }: Question, { version, ledger, checker }: Desk): Answer {
  if (request.bytes > MAX_BODY_BYTES) return tooLarge('1mb')
  checker.score(body)
  const refused = scoreFindings(body, version).filter(({ refused }) => refused)
  if (refused.length > 0) return invalid(refused.map(({ problem }) => problem))
  if (rejects(fault)) return invalid('rejected by a fault')
  return { status: 200, json: { id: storeScore(body, ledger) } }
}

async function takeSpans({ body, fault }: Question, desk: Desk): Promise<Answer> {
  const { ledger, checker, count, worker } = desk
  const spans = spansOf(body)
  checker.export(body, spans)
  const problem = exportProblem(body) ?? (fault?.type === 'all-rejected' ? 'rejected by a fault' : undefined)
  if (problem !== undefined) return { status: 400, json: { error: problem } }
  if (fault?.type === 'busy') await worker.work(fault.msPerEvent * spans.length)
  const left = fault?.type === 'some-rejected' ? (fault.count ?? 1) : 0
  for (const span of spans.slice(left)) storeSpan(span, ledger, count)
  if (left === 0) return { status: 200, json: {} }
  return {
    status: 200,
    json: { partialSuccess: { rejectedSpans: String(left), errorMessage: 'rejected by a fault' } },
  }
}

function changeDashboards({ request, query, body }: Question, { board, checker }: Desk): Answer {
  return answerDashboards({ ...request, query, body }, board, checker)
}

const rejects = (fault: LangfuseFault | undefined) =>
  fault?.type === 'all-rejected' || fault?.type === 'some-rejected'
