import type { CompiledPolicy } from '../config/compiled-policy.ts'
import type { Settings } from '../config/settings.ts'
import type { Call, ParsedBody } from '../core/call.ts'
import { callStateOf, withoutCallState } from '../core/call-state.ts'
import type { Claim } from '../core/caller.ts'
import type { GatewayContext } from '../core/context.ts'
import type { Complain } from '../core/controls.ts'
import type { MatchEndpoint, RelativePath } from '../core/endpoints.ts'
import { type JsonObject, object, text } from '../core/json.ts'
import type { Operation } from '../core/operation.ts'
import { controlsOf } from '../identify/controls.ts'
import type { CallOptions } from '../identify/headers.ts'
import { readBody } from '../identify/litellm-body.ts'
import { checkedContext } from '../identify/schema.ts'
import { proxyTarget } from '../litellm/target.ts'
import { tellsUsage } from '../upstream/hosts.ts'
import { ownDispatcher, ownFetch } from '../upstream/own.ts'

/** How one client comes in. `frozen`: its requests are signed or routed by a provider; they leave as they came. */
export type ClientBinding = {
  transport: typeof fetch
  match: MatchEndpoint
  relativePath: RelativePath
  frozen: boolean
  /** The origin that a key kept in Redis is for, unless the options name another. */
  keyOrigin: string | undefined
}

export const homeOf = ({ keyOrigin, custody }: Settings, entrance: ClientBinding): string | undefined =>
  custody ? (keyOrigin ?? entrance.keyOrigin) : undefined

/** Who a request says it comes from: itself, the context it was made in, or the client that it was made with. */
export const claimFrom = (
  settings: Settings,
  context: GatewayContext | undefined,
  told: CallOptions | undefined,
): Claim => ({
  agent: told?.agent ?? context?.agent ?? settings.agent,
  key: told?.key ?? settings.key,
  team: settings.team,
})

/** A governed request, read. */
export type ParsedRequest = {
  operation: Operation
  model?: string
  url: string
  init: RequestInit
  /** Of the request, without the gateway's own. */
  headers: Headers
  /** What those said. */
  told: CallOptions | undefined
  source: string
  reading: ParsedBody
}

type Under = {
  settings: Settings
  /** Those of this moment. */
  rules: CompiledPolicy
  /** Those of any later one. */
  inForce: () => CompiledPolicy
  complain: Complain
}

/** The request as a call, under the rules of this moment. */
export function createCall(
  { settings, rules, inForce, complain }: Under,
  entrance: ClientBinding,
  incoming: ParsedRequest,
): Call {
  const { transport, relativePath: below, frozen } = entrance
  const { url, init, headers, told, source, operation } = incoming
  const attempt = attemptOf(headers)
  const origin = callStateOf(init, settings.onCall !== undefined)
  const context = checkedContext(origin.context, complain)
  const claim = claimFrom(settings, context, told)
  const caller = rules.resolveCaller(claim)
  const isProxied = caller.mode === 'litellm'
  const fromBody = frozen ? undefined : readBody(incoming.reading.body, isProxied ? undefined : operation)
  const isEdited = fromBody !== undefined && Object.keys(fromBody.edits).length > 0
  const reading = isEdited
    ? { body: edited(incoming.reading.body, fromBody.edits), questions: {} }
    : incoming.reading
  const { body } = reading
  const stream = body.stream === true
  const includeUsage = object(body.stream_options).include_usage === true
  const signal = init.signal ?? new AbortController().signal
  const path = frozen || incoming.model !== undefined ? undefined : below(url)
  const proxy = isProxied && path !== undefined ? settings.litellm : undefined
  const by = ownFetch(transport) + ownDispatcher(init)
  const asks = stream && !includeUsage && !frozen && asksForUsage(operation, url, rules, proxy !== undefined)
  return {
    attempt,
    arrivedAt: attempt === 0 ? origin.startedAt : performance.now(),
    state: origin,
    operation,
    body,
    parsed: reading,
    signal,
    caller,
    policy: rules,
    inForce() {
      const now = inForce()
      return { policy: now, caller: now === rules ? caller : now.resolveCaller(claim) }
    },
    ...(settings.custody && claim.key !== undefined && { teamKey: claim.key }),
    controls: controlsOf([settings.standing, context, told, fromBody?.context]),
    model: incoming.model ?? (text(body.model) || 'auto'),
    route: 'requested',
    view: { stream, includeUsage, signal },
    outbound: {
      transport,
      init: withoutCallState(init),
      ...(by !== '' && { transportName: by }),
      ...(proxy && path !== undefined
        ? proxyTarget(proxy, { path, headers, key: told?.key })
        : { url, headers }),
      path,
      text: source,
      bodyEdits: fromBody?.edits ?? {},
      injectUsage: asks,
      immutable: frozen || incoming.model !== undefined,
      keys: { shown: told?.key, home: homeOf(settings, entrance) },
      ...(frozen && { signed: true as const }),
    },
  }
}

/** The SDK's count of retries. A foreign value is no retry. */
export const attemptOf = (headers: Headers): number => {
  const count = Number(headers.get('x-stainless-retry-count') ?? 0)
  return Number.isSafeInteger(count) && count > 0 ? count : 0
}

function edited(body: JsonObject, edits: Record<string, unknown>): JsonObject {
  const kept = Object.entries({ ...body, ...edits }).filter(([, value]) => value !== undefined)
  return Object.fromEntries(kept) as JsonObject
}

/** Not every server that speaks OpenAI's language knows `stream_options`. */
function asksForUsage(
  operation: Operation,
  url: string,
  { policy }: CompiledPolicy,
  proxied: boolean,
): boolean {
  if (operation !== 'chat' && operation !== 'completions') return false
  if (policy.streamUsage === 'always') return true
  return policy.streamUsage !== 'never' && (proxied || tellsUsage(url))
}
