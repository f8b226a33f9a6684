import { hash } from 'node:crypto'
import type { Call } from '../core/call.ts'
import { type Json, type JsonObject, list, object, parseObject } from '../core/json.ts'
import { userOf } from '../fingerprint/owner.ts'
import { hashTag } from '../redis/hash-tag.ts'

/** What LiteLLM is told of a call in its own body fields: how to use its cache, and what to write into its traces. */
export function litellmFields(call: Call, cache: JsonObject): Record<string, Json | undefined> {
  // Responses have metadata of their own, which is OpenAI's.
  const name = call.operation === 'responses' ? 'litellm_metadata' : 'metadata'
  return { ...call.outbound.bodyEdits, cache, [name]: metadataOf(call, name) }
}

/** Neither read nor written: what is asked is nobody else's, or somebody else keeps the answers. */
export const NO_CACHE: JsonObject = { 'no-cache': true, 'no-store': true }

/** Our cache controls in LiteLLM's words. `bypass`: the answer must not be shared. */
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
  // LiteLLM gives one key's answers to another; a namespace of its own keeps a team's to itself.
  const user = caller.perUser ? hash('sha256', userOf(call) ?? '', 'base64url') : undefined
  const name = namespaceOf(caller.crossTeamCache ? undefined : caller.team, namespace, user)
  if (name !== undefined) cache.namespace = name
  return cache
}

/** Each part in a place of its own, which is empty where a later one is given: none passes for another. */
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

/** No team's tag looks like it. */
const ALL_TEAMS = '*'

/** What the caller wrote for LiteLLM itself wins over what we know. */
function metadataOf(
  { caller, controls, state: origin, outbound: outgoing, body }: Call,
  name: string,
): JsonObject {
  // Members that are LiteLLM's were taken out of `body`; the text still has them.
  const written = 'metadata' in outgoing.bodyEdits ? parseObject(outgoing.text) : body
  const theirs = object(written?.[name])
  const metadata: JsonObject = {
    ...theirs,
    spend_logs_metadata: {
      agent: caller.agent.toWellFormed(),
      call_id: origin.id,
      ...object(theirs.spend_logs_metadata),
    },
  }
  const { trace, session, user, tags } = controls
  if (trace !== undefined) metadata.trace_id ??= trace.toWellFormed()
  if (session !== undefined) metadata.session_id ??= session.toWellFormed()
  if (user !== undefined) metadata.trace_user_id ??= user.toWellFormed()
  const all = new Set([...tags.map((tag) => tag.toWellFormed()), ...list(theirs.tags)])
  if (all.size > 0) metadata.tags = [...all]
  return metadata
}
