import type { SupabaseClient } from '@supabase/supabase-js'
import { loadDependency } from './load-package.ts'

/** Loads supabase-js, which takes some 100 ms. */
export const loadSupabase = () =>
  loadDependency('@supabase/supabase-js', 'createClient', () => import('@supabase/supabase-js'))

/**
 * Creates a client of a project's Data API that keeps no timer and opens no socket of its own: it has no session, no
 * token to refresh and no channel.
 *
 * @param retry Whether reads are repeated after failures. @default true
 */
export async function createSupabaseClient(
  url: string,
  secretKey: string,
  { retry = true }: { retry?: boolean } = {},
): Promise<SupabaseClient> {
  const { createClient } = await loadSupabase()
  return createClient(url, secretKey, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    db: { retry },
    // A redirect would lose the body of a write, and take the key to any origin.
    global: { fetch: (input, init) => globalThis.fetch(input, { ...init, redirect: 'manual' }) },
    // Node 20 has no WebSocket, and supabase-js refuses to start without the class.
    realtime: { transport: NoSocket as never },
  })
}

/** Takes the place of `WebSocket`, which is not used. */
class NoSocket extends EventTarget {
  constructor() {
    super()
    throw new Error('the gateway opens no channel to Supabase')
  }
}
