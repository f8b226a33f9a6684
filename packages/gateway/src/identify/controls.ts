import type { CacheControl, GatewayContext } from '../core/context.ts'
import { type Controls, SESSION_NAME } from '../core/controls.ts'
import type { Checked } from './schema.ts'

const DEFAULT_CONTROLS: Controls = {
  cache: { read: true, store: true, onlyIfCached: false, semantic: true },
  tags: [],
}

/** Merges the sources of controls; later ones override earlier ones. Tags and the names of end users add up. */
export function controlsOf(sources: (Checked | undefined)[]): Controls {
  const given = sources.filter((source) => source !== undefined)
  if (given.length === 0) return DEFAULT_CONTROLS
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

/** Prefixes each name with its kind: equal names of a user and a session differ. */
function peopleIn({ user, session, also = [] }: Checked): string[] {
  const names = also.map((name) => `also ${name}`)
  if (user !== undefined) names.push(`user ${user}`)
  if (session !== undefined) names.push(`${SESSION_NAME}${session}`)
  return names
}

/** Each source can only narrow the others; values of the wrong type are ignored. */
function cacheOf(requested: (CacheControl | undefined)[]): Controls['cache'] {
  const cache = { ...DEFAULT_CONTROLS.cache }
  for (const control of requested) {
    if (control === undefined) continue
    if (control === false || control.noCache) cache.read = false
    if (control === false || control.noStore) cache.store = false
    if (control === false) continue
    if (control.onlyIfCached) cache.onlyIfCached = true
    if (control.semantic === false) cache.semantic = false
    if (isSeconds(control.ttl)) Object.assign(cache, { ttl: control.ttl })
    if (isSeconds(control.maxAge)) Object.assign(cache, { maxAge: control.maxAge })
    if (typeof control.namespace === 'string') Object.assign(cache, { namespace: control.namespace })
  }
  return cache
}

const isSeconds = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0
