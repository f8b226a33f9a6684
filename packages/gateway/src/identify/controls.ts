import type { CacheControl, GatewayContext } from '../core/context.ts'
import type { Controls } from '../core/controls.ts'
import type { Checked } from './schema.ts'

const plain: Controls = { cache: { read: true, store: true, onlyIfCached: false, semantic: true }, tags: [] }

/** Later sources win over earlier ones; tags add up, and so do the names of whom a call is for. */
export function controlsOf(sources: (Checked | undefined)[]): Controls {
  const given = sources.filter((source) => source !== undefined)
  if (given.length === 0) return plain
  const merged: GatewayContext = Object.assign({}, ...given)
  const controls: Controls = {
    cache: cacheOf(given.map((source) => source.cache)),
    tags: given.flatMap((source) => source.tags ?? []),
  }
  if (merged.session !== undefined) controls.session = merged.session
  if (merged.user !== undefined) controls.user = merged.user
  const people = given.flatMap(peopleIn)
  if (people.length > 0) controls.people = people.length === 1 ? people : [...new Set(people)].sort()
  if (given.some(({ unusable }) => unusable)) controls.unusable = true
  if (merged.trace !== undefined) controls.trace = merged.trace
  if (merged.onLimit === 'reject' || merged.onLimit === 'wait') controls.onLimit = merged.onLimit
  return controls
}

/** What names a user names no session: the two are kept apart. */
function peopleIn({ user, session, also = [] }: Checked): string[] {
  const names = also.map((name) => `also ${name}`)
  if (user !== undefined) names.push(`user ${user}`)
  if (session !== undefined) names.push(`session ${session}`)
  return names
}

/** Each source can only narrow what the others allow; numbers of the wrong kind are as if not said. */
function cacheOf(wishes: (CacheControl | undefined)[]): Controls['cache'] {
  const cache = { ...plain.cache }
  for (const wish of wishes) {
    if (wish === undefined) continue
    if (wish === false || wish.noCache) cache.read = false
    if (wish === false || wish.noStore) cache.store = false
    if (wish === false) continue
    if (wish.onlyIfCached) cache.onlyIfCached = true
    if (wish.semantic === false) cache.semantic = false
    if (isSeconds(wish.ttl)) Object.assign(cache, { ttl: wish.ttl })
    if (isSeconds(wish.maxAge)) Object.assign(cache, { maxAge: wish.maxAge })
    if (typeof wish.namespace === 'string') Object.assign(cache, { namespace: wish.namespace })
  }
  return cache
}

const isSeconds = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0
