import type { IncomingHttpHeaders } from 'node:http'
import { isObject, type JsonObject, textOf } from '../core/json.ts'

/** What a request for LiteLLM says to its proxy and not to the model, as far as the gateway does not read it itself. */
export type Wishes = {
  agent?: string
  session?: string
  trace?: string
  user?: string
  /** All that names its user or its session; `false` for what is no name. */
  people: (string | false)[]
  tags: string[]
  /** Milliseconds until the answer must have begun. */
  timeoutMs?: number
  /** Fields that were taken out of the body and have no effect here. */
  ignored: string[]
  /** The body without them, where it had any. */
  rest?: JsonObject
}

/** Fields that OpenAI does not know. Source: LiteLLM's proxy docs, 1.81 to 1.111. */
const TAKEN = new Set([
  'litellm_metadata',
  'litellm_session_id',
  'litellm_trace_id',
  'tags',
  'timeout',
  'request_timeout',
])
const IGNORED =
  /^(fallbacks|context_window_fallbacks|content_policy_fallbacks|disable_fallbacks|num_retries|stream_timeout|guardrails|no-log|drop_params|additional_drop_params|allowed_openai_params|user_config|custom_llm_provider|api_key|api_base|api_version|base_url|mock_\w*)$/
const IGNORED_METADATA = new Set([
  'agent',
  'agent_id',
  'spend_logs_metadata',
  'alerting_metadata',
  'log_raw_request',
  'guardrails',
])

/** `agents`: names that the body's `user` may stand for. */
export function wishesOf(headers: IncomingHttpHeaders, body: JsonObject, agents: string[]): Wishes {
  const wishes: Wishes = { people: [], tags: [], ignored: [] }
  const metadata = isObject(body.metadata) ? body.metadata : {}
  const own = isObject(body.litellm_metadata) ? body.litellm_metadata : {}
  const header = (name: string) => textOf(headers[`x-litellm-${name}`])
  const user = textOf(body.user)
  const put = (field: 'agent' | 'session' | 'trace' | 'user', ...values: unknown[]) => {
    const value = values.map(textOf).find((value) => value !== undefined)
    if (value !== undefined) wishes[field] = value
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
  wishes.people = [...sessions, ...users, ...usersIn(own)].flatMap(nameOf)
  for (const list of [own.tags, body.tags, header('tags')?.split(',')])
    if (Array.isArray(list)) wishes.tags.push(...list.flatMap((tag) => textOf(tag)?.trim() ?? []))
  const seconds = [Number(header('timeout')), body.timeout, body.request_timeout]
    .filter((each) => typeof each === 'number')
    .find((each) => each > 0)
  if (seconds !== undefined) wishes.timeoutMs = Math.min(seconds * 1_000, 0x7fff_ffff)

  wishes.ignored = Object.keys(body).filter((name) => IGNORED.test(name))
  const kept = Object.entries(metadata).filter(([name]) => !IGNORED_METADATA.has(name))
  const unmarked = kept.length === Object.keys(metadata).length
  if (wishes.ignored.length > 0 || !unmarked || Object.keys(body).some((name) => TAKEN.has(name))) {
    const rest = Object.entries(body).filter(([name]) => !TAKEN.has(name) && !IGNORED.test(name))
    wishes.rest = Object.fromEntries(rest)
    if (!unmarked) wishes.rest.metadata = Object.fromEntries(kept)
    if (!unmarked && kept.length === 0) delete wishes.rest.metadata
  }
  return wishes
}

/** Members of other names that tell of a user, as `user_id` does. */
const usersIn = (metadata: JsonObject) =>
  Object.entries(metadata)
    .filter(([name]) => /user|customer/i.test(name))
    .map(([, value]) => value)

function nameOf(value: unknown): (string | false)[] {
  if (value === undefined || value === null || value === '') return []
  if (typeof value === 'number') return [`${value}`]
  return [typeof value === 'string' && value.isWellFormed() ? value : false]
}
