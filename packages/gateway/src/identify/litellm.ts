import type { Json, JsonObject } from '../call.ts'
import { isObject } from '../json.ts'
import type { CacheControl, GatewayContext } from './context.ts'

/**
 * The members of `metadata` that LiteLLM takes for itself. The rest is OpenAI's and goes through.
 * Source: LiteLLM's Langfuse integration and proxy docs, 1.81 to 1.111.
 */
const OURS = new Set([
  'trace_id',
  'existing_trace_id',
  'trace_name',
  'session_id',
  'trace_user_id',
  'tags',
  'trace_metadata',
  'trace_version',
  'trace_release',
  'generation_name',
  'generation_id',
  'parent_observation_id',
  'update_trace_keys',
  'mask_input',
  'mask_output',
  'debug_langfuse',
])

/** What code written for LiteLLM says in its request body, and the members to take out before OpenAI sees it. */
export type BodyControls = { context: GatewayContext; edits: Record<string, Json | undefined> }

export function readBody(body: JsonObject): BodyControls | undefined {
  const { cache, metadata } = body
  const controls: BodyControls = { context: {}, edits: {} }
  if (isObject(cache)) {
    controls.context.cache = cacheControl(cache)
    controls.edits.cache = undefined
  }
  if (isObject(metadata) && Object.keys(metadata).some((key) => OURS.has(key))) {
    Object.assign(controls.context, traceOf(metadata))
    const rest = Object.entries(metadata).filter(([key]) => !OURS.has(key))
    controls.edits.metadata = rest.length === 0 ? undefined : Object.fromEntries(rest)
  }
  return 'cache' in controls.edits || 'metadata' in controls.edits ? controls : undefined
}

function cacheControl(cache: JsonObject): CacheControl {
  const control: Exclude<CacheControl, false> = {}
  if (cache['no-cache'] === true) control.noCache = true
  if (cache['no-store'] === true) control.noStore = true
  if (typeof cache.ttl === 'number') control.ttl = cache.ttl
  const maxAge = cache['s-maxage'] ?? cache['s-max-age']
  if (typeof maxAge === 'number') control.maxAge = maxAge
  if (typeof cache.namespace === 'string') control.namespace = cache.namespace
  return control
}

function traceOf(metadata: JsonObject): GatewayContext {
  const context: GatewayContext = {}
  const { trace_id, existing_trace_id, session_id, trace_user_id, tags } = metadata
  const trace = trace_id ?? existing_trace_id
  if (typeof trace === 'string') context.trace = trace
  if (typeof session_id === 'string') context.session = session_id
  if (typeof trace_user_id === 'string') context.user = trace_user_id
  if (Array.isArray(tags)) context.tags = tags.filter((tag) => typeof tag === 'string')
  return context
}
