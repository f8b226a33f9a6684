/** What a request line asks of this server. */
export type Route =
  | { type: 'health'; check: 'alive' | 'ready' }
  | { type: 'call'; path: string }
  | { type: 'models'; id: string | undefined }
  /** Free of charge and of no team's own: goes upstream with this server's key, ungoverned. */
  | { type: 'pass'; path: string }
  | { type: 'wrong method'; allowed: string }
  | { type: 'nowhere' }

const HEALTH: Record<string, 'alive' | 'ready'> = {
  '/health/liveliness': 'alive',
  '/health/liveness': 'alive',
  '/health/readiness': 'ready',
  '/health': 'ready',
}

/** The gateway governs these four. */
const CALLS = ['/chat/completions', '/responses', '/embeddings', '/completions']
/** What else OpenAI offers either costs money outside of every budget, or shows one team what another has stored. */
const PASSED = ['/moderations']

/** With or without `/v1`, as clients of LiteLLM write either. */
export function routeOf(method: string, path: string): Route {
  const check = Object.hasOwn(HEALTH, path) ? HEALTH[path] : undefined
  if (check !== undefined) return only(['GET', 'HEAD'], method, { type: 'health', check })
  const tail = path.startsWith('/v1/') ? path.slice('/v1'.length) : path
  if (CALLS.includes(tail)) return only(['POST'], method, { type: 'call', path: tail })
  if (PASSED.includes(tail)) return only(['POST'], method, { type: 'pass', path: tail })
  if (tail === '/models') return only(['GET'], method, { type: 'models', id: undefined })
  if (tail.startsWith('/models/')) {
    const id = decoded(tail.slice('/models/'.length))
    return id ? only(['GET'], method, { type: 'models', id }) : { type: 'nowhere' }
  }
  return { type: 'nowhere' }
}

const only = (allowed: string[], method: string, route: Route): Route =>
  allowed.includes(method) ? route : { type: 'wrong method', allowed: allowed.join(', ') }

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
