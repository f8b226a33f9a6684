import type { HttpAnswer } from './http-answer.ts'
import type { TraceStore } from './trace-store.ts'

type ReadRequest = { query: URLSearchParams }
type State = { store: TraceStore }

/** Largest number of items of one page. */
const MAX_LIMIT = 100

/** `GET /api/public/traces` of 2.95.12, by `sessionId`: traces with the cost of their observations. */
export function listTraces({ query }: ReadRequest, { store }: State): HttpAnswer {
  const session = query.get('sessionId')
  const traces = [...store.traces.values()].filter(
    ({ sessionId }) => session === null || sessionId === session,
  )
  const data = traces.slice(0, limitOf(query)).map((trace) => {
    const own = [...store.observations.values()].filter(({ traceId }) => traceId === trace.id)
    const totalCost = own.reduce((sum, { costUsd = 0 }) => sum + costUsd, 0)
    return { ...trace, totalCost, observations: own.map(({ id }) => id) }
  })
  return {
    status: 200,
    json: { data, meta: { page: 1, limit: limitOf(query), totalItems: traces.length, totalPages: 1 } },
  }
}

/** `GET /api/public/v2/observations` of 4.16.0, by a `filter` on `sessionId` with the operator `=`. */
export function listObservations({ query }: ReadRequest, { store }: State): HttpAnswer {
  const session = sessionIn(query.get('filter'))
  const hasUsage = (query.get('fields') ?? '').split(',').includes('usage')
  const data = [...store.observations.values()]
    .filter(({ traceId }) => session === undefined || store.traces.get(traceId)?.sessionId === session)
    .slice(0, limitOf(query))
    .map(({ id, traceId, type, name, startTime, endTime, usageDetails, costDetails, costUsd = 0 }) => ({
      ...{ id, traceId, type, name, startTime, endTime },
      ...(hasUsage && { usageDetails, costDetails, totalCost: costUsd }),
    }))
  return { status: 200, json: { data, meta: {} } }
}

type Condition = { column: string; operator: string; value: unknown }

function sessionIn(filter: string | null): string | undefined {
  if (filter === null) return undefined
  const conditions = JSON.parse(filter) as Condition[]
  const found = conditions.find(({ column, operator }) => column === 'sessionId' && operator === '=')
  return typeof found?.value === 'string' ? found.value : undefined
}

const limitOf = (query: URLSearchParams): number => Math.min(MAX_LIMIT, Number(query.get('limit') ?? 50))
