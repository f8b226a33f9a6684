import { randomUUID } from 'node:crypto'
import { type Json, type JsonObject, list, number, object, text } from '../core/json.ts'
import type { Checker } from './checker.ts'
import type { Answer } from './routes.ts'
import { widgetProblem } from './widget-rules.ts'

/** What was made through the unstable API, by id. */
export type Board = { widgets: Map<string, JsonObject>; dashboards: Map<string, JsonObject> }

const ROOT = '/api/public/unstable/'
export const isDashboardPath = (path: string): boolean =>
  /^(dashboards|dashboard-widgets)(\/|$)/.test(below(path))
const below = (path: string) => (path.startsWith(ROOT) ? path.slice(ROOT.length) : '')

type Asked = { method: string; path: string; query: URLSearchParams; body: JsonObject }

/** 4.16.0's unstable API of dashboards, as far as making, reading and changing them goes. */
export function answerDashboards(
  { method, path, query, body }: Asked,
  board: Board,
  checker: Checker,
): Answer {
  const [kind = '', id, part, ...more] = below(path).split('/')
  const kept = kind === 'dashboards' ? board.dashboards : board.widgets
  const dashboards = kind === 'dashboards'
  if (more.length > 0) return problem(404, 'resource_not_found', 'Not found')
  if (id === undefined && method === 'GET') return listed(kept, query)
  if (id === undefined && method === 'POST') {
    checker.described(`unstableCreate${dashboards ? 'Dashboard' : 'DashboardWidget'}Request`, body)
    const made = dashboards ? freshDashboard(body) : freshWidget(body)
    return dashboards ? keep(kept, made, {}) : keepWidget(kept, made, {})
  }
  const found = kept.get(id ?? '')
  if (found === undefined) return problem(404, 'resource_not_found', `${kind} ${id} not found`)
  if (part === 'placements' && dashboards && method === 'POST') {
    checker.described('unstableCreateDashboardPlacementRequest', body)
    return place(found, body, board)
  }
  if (part !== undefined) return problem(404, 'resource_not_found', 'Not found')
  if (method === 'GET') return { status: 200, json: found }
  if (method !== 'PATCH') return problem(405, 'method_not_allowed', 'Method not allowed')
  checker.described(`unstableUpdate${dashboards ? 'Dashboard' : 'DashboardWidget'}Request`, body)
  if (Object.keys(body).length === 0) return problem(400, 'invalid_body', 'At least one field is required')
  return dashboards ? keep(kept, found, body) : keepWidget(kept, found, body)
}

/** The most recently changed comes first; a page holds 50, at most 100. */
function listed(kept: Map<string, JsonObject>, query: URLSearchParams): Answer {
  const page = Number(query.get('page') ?? 1)
  const limit = Number(query.get('limit') ?? 50)
  if (!(page >= 1 && limit >= 1 && limit <= 100))
    return problem(400, 'invalid_query', 'Invalid page or limit')
  const all = [...kept.values()].toReversed()
  return {
    status: 200,
    json: {
      data: all.slice((page - 1) * limit, page * limit),
      meta: { page, limit, totalItems: all.length, totalPages: Math.ceil(all.length / limit) },
    },
  }
}

const fresh = () => ({ id: randomUUID(), createdAt: new Date().toISOString() })
const freshDashboard = ({ name, description, definition, filters }: JsonObject): JsonObject => ({
  ...fresh(),
  name: name ?? '',
  description: description ?? '',
  definition: definition ?? { widgets: [] },
  filters: filters ?? [],
})
const freshWidget = (body: JsonObject): JsonObject => ({ ...fresh(), description: '', ...body })

function keep(kept: Map<string, JsonObject>, old: JsonObject, change: JsonObject): Answer {
  const changed: JsonObject = { ...old, ...change, updatedAt: new Date().toISOString() }
  if (text(changed.name) === '') return problem(400, 'invalid_body', 'name: Required')
  kept.delete(text(changed.id))
  kept.set(text(changed.id), changed)
  return { status: 200, json: changed }
}

function keepWidget(kept: Map<string, JsonObject>, old: JsonObject, change: JsonObject): Answer {
  const other = change.chartType !== undefined && change.chartType !== old.chartType
  const config = change.chartConfig ?? (other ? {} : old.chartConfig)
  const widget: JsonObject = { ...old, ...change }
  const wrong = widgetProblem({ ...widget, chartConfig: config ?? {} })
  if (wrong !== undefined) return problem(400, 'invalid_request', wrong)
  const bins = widget.chartType === 'HISTOGRAM' ? { bins: 10 } : {}
  const chartConfig: JsonObject = { ...bins, ...object(config), type: text(widget.chartType) }
  return keep(kept, widget, { chartConfig })
}

/** Without a place of its own, a tile of 6 by 6 goes below all others. */
function place(dashboard: JsonObject, body: JsonObject, { widgets, dashboards }: Board): Answer {
  if (body.type !== 'widget') return problem(400, 'invalid_body', 'type: only widgets are known here')
  const placed = list(object(dashboard.definition).widgets).map(object)
  if (!widgets.has(text(body.widgetId)))
    return problem(404, 'resource_not_found', `Dashboard widget ${text(body.widgetId)} not found`)
  if (placed.some(({ id }) => id === body.id))
    return problem(409, 'conflict', `Placement ${text(body.id)} already exists`)
  const bottom = Math.max(0, ...placed.map(({ y, height }) => (number(y) ?? 0) + (number(height) ?? 0)))
  const placement: JsonObject = { id: randomUUID(), x: 0, y: bottom, width: 6, height: 6, ...body }
  const wrong = ['x', 'y', 'width', 'height'].find((side) => !isCell(placement[side], side))
  if (wrong) return problem(400, 'invalid_body', `${wrong}: Invalid input`)
  keep(dashboards, dashboard, { definition: { widgets: [...placed, placement] } })
  return { status: 200, json: placement }
}

const isCell = (value: Json | undefined, side: string) =>
  typeof value === 'number' && Number.isInteger(value) && value >= (side === 'x' || side === 'y' ? 0 : 1)

const problem = (status: number, code: string, message: string): Answer => ({
  status,
  json: { message, code },
})
