import type { Call } from '../core/call.ts'
import { type Json, type JsonObject, list, object, parseObject } from '../core/json.ts'
import { userOf } from '../fingerprint/owner.ts'
import { OPERATIONS } from '../operations/operations.ts'
import { hashTag } from '../redis/hash-tag.ts'
import { hash } from '../util/runtime.ts'

/** Returns a call's members for LiteLLM in its own body fields: cache controls, and trace metadata. */
export function litellmFields(call: Call, cache: JsonObject): Record<string, Json | undefined> {
  const name = OPERATIONS[call.operation].litellmMetadata
  return { ...call.outbound.bodyEdits, cache, [name]: metadataOf(call, name) }
}

/** Neither reads nor stores: the answer must not be shared, or the gateway caches it itself. */
export const NO_CACHE: JsonObject = { 'no-cache': true, 'no-store': true }

/** Maps the gateway's cache controls to LiteLLM's. `bypass`: the answer must not be shared. */
export function litellmCacheControl(call: Call, bypass: string | undefined): JsonObject {
  const { caller, controls } = call
  if (bypass !== undefined || !caller.cacheable || caller.exact === undefined) return NO_CACHE
  const { read, store, ttl = Number.POSITIVE_INFINITY, maxAge, namespace } = controls.cache
  const seconds = Math.floor(Math.min(caller.exact.ttlSeconds, ttl))
  const cache: JsonObject = {}
  if (!read || (maxAge !== undefined && maxAge < 1)) cache['no-cache'] = true
  if (!store || seconds < 1) cache['no-store'] = true
  else cache.ttl = seconds
  if (maxAge !== undefined && maxAge >= 1) cache['s-maxage'] = Math.floor(maxAge)
  // LiteLLM shares answers between keys; a namespace per team prevents it.
  const user = caller.perUser ? hash('sha256', userOf(call) ?? '', 'base64url') : undefined
  const name = namespaceOf(caller.crossTeamCache ? undefined : caller.team, namespace, user)
  if (name !== undefined) cache.namespace = name
  return cache
}

/** Each part has a fixed position, empty if a later one is given: different parts never give the same name. */
function namespaceOf(
  team: string | undefined,
  namespace: string | undefined,
  user: string | undefined,
): string | undefined {
  if (namespace === undefined && user === undefined) return team && hashTag(team)
  const parts = [
    team === undefined ? ALL_TEAMS : hashTag(team),
    namespace === undefined ? '' : hashTag(namespace),
    ...(user === undefined ? [] : [user]),
  ]
  return parts.join(':')
}

/** No team's tag can equal it. */
const ALL_TEAMS = '*'

/** Members that the caller wrote for LiteLLM override the gateway's. */
function metadataOf({ caller, controls, state, outbound, body }: Call, name: string): JsonObject {
  // LiteLLM's members were removed from `body`; the text still has them.
  const written = 'metadata' in outbound.bodyEdits ? parseObject(outbound.text) : body
  const given = object(written?.[name])
  const metadata: JsonObject = {
    ...given,
    spend_logs_metadata: {
      agent: caller.agent.toWellFormed(),
      call_id: state.id,
      ...object(given.spend_logs_metadata),
    },
  }
  const { trace, session, user, tags } = controls
  if (trace !== undefined) metadata.trace_id ??= trace.toWellFormed()
  if (session !== undefined) metadata.session_id ??= session.toWellFormed()
  if (user !== undefined) metadata.trace_user_id ??= user.toWellFormed()
  const all = new Set([...tags.map((tag) => tag.toWellFormed()), ...list(given.tags)])
  if (all.size > 0) metadata.tags = [...all]
  return metadata
}
