import type { IncomingHttpHeaders } from 'node:http'
import { isObject, type JsonObject, textOf } from '../core/json.ts'

/** Controls that a request written for LiteLLM addresses to its proxy, apart from those that the gateway reads itself. */
export type RequestControls = {
  agent?: string
  session?: string
  trace?: string
  user?: string
  /** All values that identify the call's user or session. `false` stands for one that is no valid identifier. */
  userIdentifiers: (string | false)[]
  tags: string[]
  /** Milliseconds within which the answer must begin. */
  timeoutMs?: number
  /** Names of fields that were removed from the body and have no effect here. */
  ignored: string[]
  /** The body without LiteLLM's fields. Absent where it has none. */
  forwardedBody?: JsonObject
}

/** Fields of LiteLLM that take effect here. OpenAI does not know them. Source: LiteLLM's proxy docs, 1.81 to 1.111. */
const CONSUMED_FIELDS = new Set([
  'litellm_metadata',
  'litellm_session_id',
  'litellm_trace_id',
  'tags',
  'timeout',
  'request_timeout',
])
const IGNORED_FIELDS =
  /^(fallbacks|context_window_fallbacks|content_policy_fallbacks|disable_fallbacks|num_retries|stream_timeout|guardrails|no-log|drop_params|additional_drop_params|allowed_openai_params|user_config|custom_llm_provider|api_key|api_base|api_version|base_url|mock_\w*)$/
const IGNORED_METADATA = new Set([
  'agent',
  'agent_id',
  'spend_logs_metadata',
  'alerting_metadata',
  'log_raw_request',
  'guardrails',
])

/**
 * Parses LiteLLM's headers and body fields. Headers take precedence. Never changes `body`.
 *
 * @param agents agents of the caller's team: a `user` of the body that names one selects that agent
 */
export function parseRequestControls(
  headers: IncomingHttpHeaders,
  body: JsonObject,
  agents: string[],
): RequestControls {
  const controls: RequestControls = { userIdentifiers: [], tags: [], ignored: [] }
  const metadata = isObject(body.metadata) ? body.metadata : {}
  const own = isObject(body.litellm_metadata) ? body.litellm_metadata : {}
  const header = (name: string) => textOf(headers[`x-litellm-${name}`])
  const user = textOf(body.user)
  const put = (field: 'agent' | 'session' | 'trace' | 'user', ...values: unknown[]) => {
    const value = values.map(textOf).find((value) => value !== undefined)
    if (value !== undefined) controls[field] = value
  }
  put(
    'agent',
    header('agent-id'),
    own.agent,
    metadata.agent,
    metadata.agent_id,
    user !== undefined && agents.includes(user) ? user : undefined,
  )
  const sessions = [body.litellm_session_id, header('session-id'), own.session_id]
  const users = [header('end-user-id'), header('customer-id'), own.trace_user_id]
  put('session', ...sessions)
  put('trace', body.litellm_trace_id, header('trace-id'), own.trace_id)
  put('user', ...users)
  controls.userIdentifiers = [...sessions, ...users, ...userValues(own)].flatMap(identifiersFrom)
  for (const list of [own.tags, body.tags, header('tags')?.split(',')])
    if (Array.isArray(list)) controls.tags.push(...list.flatMap((tag) => textOf(tag)?.trim() ?? []))
  const seconds = [Number(header('timeout')), body.timeout, body.request_timeout]
    .filter((each) => typeof each === 'number')
    .find((each) => each > 0)
  if (seconds !== undefined) controls.timeoutMs = Math.min(seconds * 1_000, 0x7fff_ffff)

  controls.ignored = Object.keys(body).filter((name) => IGNORED_FIELDS.test(name))
  const kept = Object.entries(metadata).filter(([name]) => !IGNORED_METADATA.has(name))
  const unmarked = kept.length === Object.keys(metadata).length
  if (
    controls.ignored.length > 0 ||
    !unmarked ||
    Object.keys(body).some((name) => CONSUMED_FIELDS.has(name))
  ) {
    const rest = Object.entries(body).filter(
      ([name]) => !CONSUMED_FIELDS.has(name) && !IGNORED_FIELDS.test(name),
    )
    controls.forwardedBody = Object.fromEntries(rest)
    if (!unmarked) controls.forwardedBody.metadata = Object.fromEntries(kept)
    if (!unmarked && kept.length === 0) delete controls.forwardedBody.metadata
  }
  return controls
}

/** Returns the values of members whose names identify a user, e.g. `user_id`. */
const userValues = (metadata: JsonObject) =>
  Object.entries(metadata)
    .filter(([name]) => /user|customer/i.test(name))
    .map(([, value]) => value)

function identifiersFrom(value: unknown): (string | false)[] {
  if (value === undefined || value === null || value === '') return []
  if (typeof value === 'number') return [`${value}`]
  return [typeof value === 'string' && value.isWellFormed() ? value : false]
}
