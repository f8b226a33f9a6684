import { isDeepStrictEqual } from 'node:util'
import { type LangfuseServer, listAll, request } from './api.ts'
import { DASHBOARD, TILES, type Tile, type Widget } from './widgets.ts'

type Placement = { id: string; type: string; widgetId?: string }
type Dashboard = { id: string; name: string; description: string; definition: { widgets: Placement[] } }
type StoredWidget = Widget & { id: string }

/** One step that was done, or would be in a dry run. */
export type Step = { action: 'create' | 'update' | 'keep' | 'place'; subject: string }

/** First version of Langfuse with an API for dashboards. */
export const FIRST_VERSION = '3.216.0'

/** Tells whether a version of Langfuse has an API for dashboards. */
export function canProvision(version: string): boolean {
  return version.localeCompare(FIRST_VERSION, 'en', { numeric: true }) >= 0
}

/**
 * Creates or updates the dashboard, and returns its id (empty in a dry run without one). The dashboard is found by its
 * name, its tiles by the ids of their placements: moved tiles keep their place, removed ones are added again, and tiles
 * of others are left alone.
 *
 * @param dryRun only reads, and reports the steps that it would take
 * @throws LangfuseApiError (rejects) where a request fails; it may be run again
 */
export async function provision(
  server: LangfuseServer,
  dryRun: boolean,
  onStep: (step: Step) => void,
): Promise<string> {
  const dashboards = await listAll<Dashboard>(server, 'dashboards')
  const widgets = await listAll<StoredWidget>(server, 'dashboard-widgets')
  const existing = dashboards.find(({ name }) => name === DASHBOARD.name)
  onStep({ action: existing ? 'keep' : 'create', subject: `dashboard ${DASHBOARD.name}` })
  const dashboard =
    existing ?? (dryRun ? undefined : await request<Dashboard>(server, 'POST', 'dashboards', DASHBOARD))
  for (const tile of TILES) await ensureTile(tile, dashboard)
  return dashboard?.id ?? ''

  async function ensureTile(tile: Tile, dashboard: Dashboard | undefined): Promise<void> {
    const placementId = `llm-gateway-${tile.key}`
    const placed = dashboard?.definition.widgets.find(({ id }) => id === placementId)
    // A widget that an interrupted run created but did not place is found by its name.
    const known =
      widgets.find(({ id }) => id === placed?.widgetId) ??
      widgets.find(({ name }) => name === tile.widget.name)
    const widgetId = await ensureWidget(known, tile.widget)
    if (placed) return
    onStep({ action: 'place', subject: tile.widget.name })
    if (dryRun || !dashboard) return
    const [x, y, width, height] = tile.position
    const placement = { type: 'widget', id: placementId, widgetId, x, y, width, height }
    await request(server, 'POST', `dashboards/${dashboard.id}/placements`, placement)
  }

  async function ensureWidget(known: StoredWidget | undefined, widget: Widget): Promise<string> {
    const action = known === undefined ? 'create' : isUnchanged(known, widget) ? 'keep' : 'update'
    onStep({ action, subject: widget.name })
    if (dryRun || (known && action === 'keep')) return known?.id ?? ''
    const path = known ? `dashboard-widgets/${known.id}` : 'dashboard-widgets'
    const { id } = await request<StoredWidget>(server, known ? 'PATCH' : 'POST', path, widget)
    return id
  }
}

/** Compares the fields of the widget only, since the server adds its own. */
const isUnchanged = (known: StoredWidget, widget: Widget) =>
  Object.entries(widget).every(([field, value]) => isDeepStrictEqual(known[field as keyof Widget], value))
