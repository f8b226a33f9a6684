import type { CompiledPolicy } from '../config/compiled-policy.ts'
import type { Settings } from '../config/settings.ts'
import type { Call, ParsedBody } from '../core/call.ts'
import { withoutCallState } from '../core/call-state.ts'
import { type JsonObject, object, text } from '../core/json.ts'
import type { Operation } from '../core/operation.ts'
import { controlsOf } from '../identify/controls.ts'
import { readBody } from '../identify/litellm-body.ts'
import { proxyTarget } from '../litellm/target.ts'
import type { MatchEndpoint, RelativePath } from '../operations/endpoints.ts'
import { OPERATIONS } from '../operations/operations.ts'
import { tellsUsage } from '../upstream/hosts.ts'
import { dispatcherName, fetchName } from '../upstream/transport-name.ts'
import type { RequestHead } from './request-head.ts'

/** How one client is bound to the gateway: its transport, and how its addresses are read. */
export type ClientBinding = {
  /** The `fetch` that requests leave by. */
  transport: typeof fetch
  match: MatchEndpoint
  relativePath: RelativePath
  /** Requests are signed or routed by a provider and leave byte for byte as they came. */
  immutable: boolean
  /** Origin that a key kept in Redis is for, unless the option `custody.origin` names another. */
  keyOrigin: string | undefined
}

/** Returns the origin that a key of custody may be sent to; `undefined` without custody. */
export const keyOriginOf = ({ keyOrigin, custody }: Settings, binding: ClientBinding): string | undefined =>
  custody ? (keyOrigin ?? binding.keyOrigin) : undefined

/** The endpoint and body of a governed request. */
export type ParsedRequest = {
  operation: Operation
  /** Model that the address names, as deployments of Azure do. Absent: the body names it. */
  model?: string
  /** The `init` to send, which holds the body unless `input` was a Request. It is copied. */
  init: RequestInit
  /** Text of the body. */
  source: string
  parsed: ParsedBody
}

type Deps = {
  settings: Settings
  /** Returns the policy in force, at any later time. */
  policy: () => CompiledPolicy
}

/** Makes a Call of a governed request, under the policy that was in force when it was made. */
export function createCall(
  { settings, policy: inForce }: Deps,
  binding: ClientBinding,
  head: RequestHead,
  request: ParsedRequest,
): Call {
  const { transport, relativePath, immutable } = binding
  const { url, headers, options, state, context, claim, policy } = head
  const { init, source, operation } = request
  const attempt = attemptOf(headers)
  const caller = head.caller()
  const isProxied = caller.mode === 'litellm'
  const fromBody = immutable ? undefined : readBody(request.parsed.body, isProxied ? undefined : operation)
  const isEdited = fromBody !== undefined && Object.keys(fromBody.edits).length > 0
  const parsed = isEdited ? { body: edited(request.parsed.body, fromBody.edits) } : request.parsed
  const { body } = parsed
  const stream = body.stream === true
  const includeUsage = object(body.stream_options).include_usage === true
  const signal = init.signal ?? new AbortController().signal
  const isFixed = immutable || request.model !== undefined
  const path = isFixed ? undefined : relativePath(url)
  const proxy = isProxied && path !== undefined ? settings.litellm : undefined
  const transportName = fetchName(transport) + dispatcherName(init)
  const isUnaskedStream = stream && !includeUsage && !immutable
  const target =
    proxy && path !== undefined ? proxyTarget(proxy, { path, headers, key: options?.key }) : undefined
  const outbound: Call['outbound'] = {
    transport,
    init: withoutCallState(init),
    url: target?.url ?? url,
    headers: target?.headers ?? headers,
    path,
    text: source,
    bodyEdits: fromBody?.edits ?? {},
    injectUsage: isUnaskedStream && injectsUsage(operation, url, policy, proxy !== undefined),
    immutable: isFixed,
    keys: { shown: options?.key, home: keyOriginOf(settings, binding) },
  }
  if (transportName !== '') outbound.transportName = transportName
  if (immutable) outbound.signed = true
  const call: Call = {
    attempt,
    arrivedAt: attempt === 0 ? state.startedAt : performance.now(),
    state,
    operation,
    body,
    parsed,
    signal,
    caller,
    policy,
    inForce() {
      const now = inForce()
      return { policy: now, caller: now === policy ? caller : now.resolveCaller(claim) }
    },
    controls: controlsOf([settings.defaultControls, context, options, fromBody?.context]),
    model: request.model ?? (text(body.model) || 'auto'),
    route: 'requested',
    view: { stream, includeUsage, signal },
    outbound,
  }
  if (settings.custody && claim.key !== undefined) call.teamKey = claim.key
  return call
}

/** Reads the SDK's count of retries. A malformed value counts as the first attempt. */
const attemptOf = (headers: Headers): number => {
  const count = Number(headers.get('x-stainless-retry-count') ?? 0)
  return Number.isSafeInteger(count) && count > 0 ? count : 0
}

function edited(body: JsonObject, edits: Record<string, unknown>): JsonObject {
  const kept = Object.entries({ ...body, ...edits }).filter(([, value]) => value !== undefined)
  return Object.fromEntries(kept) as JsonObject
}

/** Not every OpenAI-compatible server accepts `stream_options`: `streamUsage: 'auto'` asks only those known to. */
function injectsUsage(
  operation: Operation,
  url: string,
  { policy }: CompiledPolicy,
  isProxied: boolean,
): boolean {
  if (OPERATIONS[operation].usageInStream !== 'on-request') return false
  if (policy.streamUsage === 'always') return true
  return policy.streamUsage !== 'never' && (isProxied || tellsUsage(url))
}
