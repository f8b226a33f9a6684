import { randomUUID } from 'node:crypto'
import { type Json, type JsonObject, list, number, object, text } from '../core/json.ts'
import type { Checker } from './checker.ts'
import type { HttpAnswer } from './http-answer.ts'
import { widgetProblem } from './widget-rules.ts'

/** Dashboards and widgets made through the unstable API, by id. */
export type DashboardStore = { widgets: Map<string, JsonObject>; dashboards: Map<string, JsonObject> }

const ROOT = '/api/public/unstable/'
export const isDashboardPath = (path: string): boolean =>
  /^(dashboards|dashboard-widgets)(\/|$)/.test(relativePath(path))
const relativePath = (path: string) => (path.startsWith(ROOT) ? path.slice(ROOT.length) : '')

type DashboardRequest = { method: string; path: string; query: URLSearchParams; body: JsonObject }

/** Answers requests of 4.16.0's unstable API of dashboards: create, read and update. */
export function handleDashboards(
  { method, path, query, body }: DashboardRequest,
  store: DashboardStore,
  checker: Checker,
): HttpAnswer {
  const [kind = '', id, part, ...more] = relativePath(path).split('/')
  const records = kind === 'dashboards' ? store.dashboards : store.widgets
  const isDashboard = kind === 'dashboards'
  if (more.length > 0) return problem(404, 'resource_not_found', 'Not found')
  if (id === undefined && method === 'GET') return listPage(records, query)
  if (id === undefined && method === 'POST') {
    checker.dashboardBody(`unstableCreate${isDashboard ? 'Dashboard' : 'DashboardWidget'}Request`, body)
    const created = isDashboard ? newDashboard(body) : newWidget(body)
    return isDashboard ? save(records, created, {}) : saveWidget(records, created, {})
  }
  const found = records.get(id ?? '')
  if (found === undefined) return problem(404, 'resource_not_found', `${kind} ${id} not found`)
  if (part === 'placements' && isDashboard && method === 'POST') {
    checker.dashboardBody('unstableCreateDashboardPlacementRequest', body)
    return addPlacement(found, body, store)
  }
  if (part !== undefined) return problem(404, 'resource_not_found', 'Not found')
  if (method === 'GET') return { status: 200, json: found }
  if (method !== 'PATCH') return problem(405, 'method_not_allowed', 'Method not allowed')
  checker.dashboardBody(`unstableUpdate${isDashboard ? 'Dashboard' : 'DashboardWidget'}Request`, body)
  if (Object.keys(body).length === 0) return problem(400, 'invalid_body', 'At least one field is required')
  return isDashboard ? save(records, found, body) : saveWidget(records, found, body)
}

/** Returns one page of a list, the most recently changed first. A page holds 50 items by default, and at most 100. */
function listPage(records: Map<string, JsonObject>, query: URLSearchParams): HttpAnswer {
  const page = Number(query.get('page') ?? 1)
  const limit = Number(query.get('limit') ?? 50)
  if (!(page >= 1 && limit >= 1 && limit <= 100))
    return problem(400, 'invalid_query', 'Invalid page or limit')
  const all = [...records.values()].toReversed()
  return {
    status: 200,
    json: {
      data: all.slice((page - 1) * limit, page * limit),
      meta: { page, limit, totalItems: all.length, totalPages: Math.ceil(all.length / limit) },
    },
  }
}

const newRecord = () => ({ id: randomUUID(), createdAt: new Date().toISOString() })
const newDashboard = ({ name, description, definition, filters }: JsonObject): JsonObject => ({
  ...newRecord(),
  name: name ?? '',
  description: description ?? '',
  definition: definition ?? { widgets: [] },
  filters: filters ?? [],
})
const newWidget = (body: JsonObject): JsonObject => ({ ...newRecord(), description: '', ...body })

function save(records: Map<string, JsonObject>, old: JsonObject, change: JsonObject): HttpAnswer {
  const changed: JsonObject = { ...old, ...change, updatedAt: new Date().toISOString() }
  if (text(changed.name) === '') return problem(400, 'invalid_body', 'name: Required')
  records.delete(text(changed.id))
  records.set(text(changed.id), changed)
  return { status: 200, json: changed }
}

function saveWidget(records: Map<string, JsonObject>, old: JsonObject, change: JsonObject): HttpAnswer {
  const other = change.chartType !== undefined && change.chartType !== old.chartType
  const config = change.chartConfig ?? (other ? {} : old.chartConfig)
  const widget: JsonObject = { ...old, ...change }
  const invalid = widgetProblem({ ...widget, chartConfig: config ?? {} })
  if (invalid !== undefined) return problem(400, 'invalid_request', invalid)
  const bins = widget.chartType === 'HISTOGRAM' ? { bins: 10 } : {}
  const chartConfig: JsonObject = { ...bins, ...object(config), type: text(widget.chartType) }
  return save(records, widget, { chartConfig })
}

/** Adds a placement. Its default is a tile of 6 by 6 below all others. */
function addPlacement(
  dashboard: JsonObject,
  body: JsonObject,
  { widgets, dashboards }: DashboardStore,
): HttpAnswer {
  if (body.type !== 'widget') return problem(400, 'invalid_body', 'type: only widgets are known here')
  const placed = list(object(dashboard.definition).widgets).map(object)
  if (!widgets.has(text(body.widgetId)))
    return problem(404, 'resource_not_found', `Dashboard widget ${text(body.widgetId)} not found`)
  if (placed.some(({ id }) => id === body.id))
    return problem(409, 'conflict', `Placement ${text(body.id)} already exists`)
  const bottom = Math.max(0, ...placed.map(({ y, height }) => (number(y) ?? 0) + (number(height) ?? 0)))
  const placement: JsonObject = { id: randomUUID(), x: 0, y: bottom, width: 6, height: 6, ...body }
  const invalid = ['x', 'y', 'width', 'height'].find((side) => !isCell(placement[side], side))
  if (invalid) return problem(400, 'invalid_body', `${invalid}: Invalid input`)
  save(dashboards, dashboard, { definition: { widgets: [...placed, placement] } })
  return { status: 200, json: placement }
}

const isCell = (value: Json | undefined, side: string) =>
  typeof value === 'number' && Number.isInteger(value) && value >= (side === 'x' || side === 'y' ? 0 : 1)

const problem = (status: number, code: string, message: string): HttpAnswer => ({
  status,
  json: { message, code },
})
