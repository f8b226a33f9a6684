import type { CacheControl, GatewayContext } from '../core/context.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import type { Operation } from '../core/operation.ts'
import { OPERATIONS } from '../operations/operations.ts'
import { checkedControls } from './schema.ts'

/**
 * Members of `metadata` that LiteLLM consumes. The rest is OpenAI's and is passed on. Source: LiteLLM's Langfuse
 * integration and proxy docs, 1.81 to 1.111.
 */
const LITELLM_MEMBERS = new Set([
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

/** Controls that code written for LiteLLM puts in its request body, and the members to remove before OpenAI sees it. */
export type BodyControls = { context: GatewayContext; edits: Record<string, Json | undefined> }

/**
 * Reads them. `operation`: set when the request goes to upstream itself; metadata that upstream stores is then read
 * but kept.
 */
export function readBody(body: JsonObject, operation?: Operation): BodyControls | undefined {
  const { cache, metadata } = body
  if (!isObject(cache) && !isObject(metadata)) return undefined
  const controls: BodyControls = { context: {}, edits: {} }
  if (isObject(cache)) {
    const control = cacheControl(cache)
    if (control !== undefined) controls.context.cache = control
    controls.edits.cache = undefined
  }
  if (isObject(metadata) && Object.keys(metadata).some((key) => LITELLM_MEMBERS.has(key))) {
    Object.assign(controls.context, traceOf(metadata))
    const isKept = keepsMetadata(operation, body) ? isText : () => false
    const rest = Object.entries(metadata).filter(([key, value]) => !LITELLM_MEMBERS.has(key) || isKept(value))
    if (rest.length < Object.keys(metadata).length)
      controls.edits.metadata = rest.length === 0 ? undefined : Object.fromEntries(rest)
  }
  return Object.keys({ ...controls.edits, ...controls.context }).length > 0 ? controls : undefined
}

/** Metadata is kept with a stored answer; its values are texts. Source: OpenAI API reference, `metadata`. */
function keepsMetadata(operation: Operation | undefined, { store }: JsonObject): boolean {
  const stored = operation && OPERATIONS[operation].storedUpstream
  return stored === 'by-default' || (stored === 'on-request' && store === true)
}

function cacheControl(cache: JsonObject): CacheControl | undefined {
  const { cache: control } = checkedControls({ cache: { ...flagsOf(cache), ...sourceOf(cache) } }, ignore)
  return control
}

const flagsOf = (cache: JsonObject) => ({
  noCache: cache['no-cache'] === true,
  noStore: cache['no-store'] === true,
})

const sourceOf = (cache: JsonObject) => ({
  ttl: cache.ttl,
  maxAge: cache['s-maxage'] ?? cache['s-max-age'],
  namespace: cache.namespace,
})

function traceOf(metadata: JsonObject): GatewayContext {
  const { trace_id, existing_trace_id, session_id, trace_user_id, tags } = metadata
  const controls = { trace: trace_id ?? existing_trace_id, session: session_id, user: trace_user_id }
  return checkedControls({ ...controls, tags: Array.isArray(tags) ? tags.filter(isText) : undefined }, ignore)
}

const isText = (tag: Json) => typeof tag === 'string'
/** Malformed LiteLLM fields are ignored, as LiteLLM does. */
const ignore = () => undefined
