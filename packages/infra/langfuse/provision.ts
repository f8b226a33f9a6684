import { isDeepStrictEqual } from 'node:util'
import { call, listAll, type Server } from './api.ts'
import { DASHBOARD, TILES, type Tile, type Widget } from './widgets.ts'

type Placement = { id: string; type: string; widgetId?: string }
type Dashboard = { id: string; name: string; description: string; definition: { widgets: Placement[] } }
type Kept = Widget & { id: string }

/** What was done, or would be: one line each. */
export type Step = { did: 'create' | 'update' | 'keep' | 'place'; what: string }

/** The first version that can be told to make a dashboard. */
export const FIRST_VERSION = '3.216.0'

export function canProvision(version: string): boolean {
  return version.localeCompare(FIRST_VERSION, 'en', { numeric: true }) >= 0
}

/**
 * Makes the dashboard, or brings an earlier one up to date. It is found by its name, and its tiles by the ids they were
 * placed under: what was moved stays where it is, what was taken away comes back, what others added is left alone.
 * `dry` only looks.
 */
export async function provision(server: Server, dry: boolean, tell: (step: Step) => void): Promise<string> {
  const dashboards = await listAll<Dashboard>(server, 'dashboards')
  const widgets = await listAll<Kept>(server, 'dashboard-widgets')
  const earlier = dashboards.find(({ name }) => name === DASHBOARD.name)
  tell({ did: earlier ? 'keep' : 'create', what: `dashboard ${DASHBOARD.name}` })
  const dashboard =
    earlier ?? (dry ? undefined : await call<Dashboard>(server, 'POST', 'dashboards', DASHBOARD))
  for (const tile of TILES) await settle(tile, dashboard)
  return dashboard?.id ?? ''

  async function settle(tile: Tile, dashboard: Dashboard | undefined): Promise<void> {
    const placementId = `llm-gateway-${tile.key}`
    const placed = dashboard?.definition.widgets.find(({ id }) => id === placementId)
    // One that was made but not placed, because an earlier run broke off, is known by its name.
    const known =
      widgets.find(({ id }) => id === placed?.widgetId) ??
      widgets.find(({ name }) => name === tile.widget.name)
    const widgetId = await upToDate(known, tile.widget)
    if (placed) return
    tell({ did: 'place', what: tile.widget.name })
    if (dry || !dashboard) return
    const [x, y, width, height] = tile.at
    const placement = { type: 'widget', id: placementId, widgetId, x, y, width, height }
    await call(server, 'POST', `dashboards/${dashboard.id}/placements`, placement)
  }

  async function upToDate(known: Kept | undefined, widget: Widget): Promise<string> {
    const did = known === undefined ? 'create' : sameAs(known, widget) ? 'keep' : 'update'
    tell({ did, what: widget.name })
    if (dry || (known && did === 'keep')) return known?.id ?? ''
    const path = known ? `dashboard-widgets/${known.id}` : 'dashboard-widgets'
    const { id } = await call<Kept>(server, known ? 'PATCH' : 'POST', path, widget)
    return id
  }
}

/** The server adds fields of its own. */
const sameAs = (known: Kept, widget: Widget) =>
  Object.entries(widget).every(([field, value]) => isDeepStrictEqual(known[field as keyof Widget], value))
