/** The operation that a request line selects. */
export type Route =
  | { type: 'health'; check: 'alive' | 'ready' }
  /** A governed call. `path`: without `/v1`. */
  | { type: 'call'; path: string }
  /** `id`: the model to show; `undefined` lists all. */
  | { type: 'models'; id: string | undefined }
  /** An operation that costs nothing and stores nothing: sent upstream with this server's key, ungoverned. */
  | { type: 'pass-through'; path: string }
  | { type: 'method-not-allowed'; allowed: string }
  | { type: 'not-found' }

const HEALTH: Record<string, 'alive' | 'ready'> = {
  '/health/liveliness': 'alive',
  '/health/liveness': 'alive',
  '/health/readiness': 'ready',
  '/health': 'ready',
}

/** The paths that the gateway governs. */
const GOVERNED_PATHS = ['/chat/completions', '/responses', '/embeddings', '/completions']
/** OpenAI's other operations spend money outside of every budget, or show one team what another has stored. */
const PASS_THROUGH_PATHS = ['/moderations']

/** Matches a request line to its route. `/v1` is optional, since clients of LiteLLM write either form. */
export function matchRoute(method: string, path: string): Route {
  const check = Object.hasOwn(HEALTH, path) ? HEALTH[path] : undefined
  if (check !== undefined) return allowMethods(['GET', 'HEAD'], method, { type: 'health', check })
  const tail = path.startsWith('/v1/') ? path.slice('/v1'.length) : path
  if (GOVERNED_PATHS.includes(tail)) return allowMethods(['POST'], method, { type: 'call', path: tail })
  if (PASS_THROUGH_PATHS.includes(tail))
    return allowMethods(['POST'], method, { type: 'pass-through', path: tail })
  if (tail === '/models') return allowMethods(['GET'], method, { type: 'models', id: undefined })
  if (tail.startsWith('/models/')) {
    const id = decode(tail.slice('/models/'.length))
    return id ? allowMethods(['GET'], method, { type: 'models', id }) : { type: 'not-found' }
  }
  return { type: 'not-found' }
}

const allowMethods = (allowed: string[], method: string, route: Route): Route =>
  allowed.includes(method) ? route : { type: 'method-not-allowed', allowed: allowed.join(', ') }

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
