import type { Call, JsonObject, Operation } from './call.ts'
import type { Below, Governs } from './governed.ts'
import type { GatewayContext } from './identify/context.ts'
import { controlsOf } from './identify/controls.ts'
import type { CallOptions } from './identify/headers.ts'
import { readBody } from './identify/litellm.ts'
import { originOf, unmarked } from './identify/origin.ts'
import { type Complain, checkedContext } from './identify/schema.ts'
import type { Claim } from './identify/who.ts'
import { object, text } from './json.ts'
import { aimed } from './litellm/aim.ts'
import type { Reading } from './reading.ts'
import type { Rules } from './rules.ts'
import type { Settings } from './settings.ts'
import { tellsUsage } from './upstream/hosts.ts'
import { ownDispatcher, ownFetch } from './upstream/own.ts'

/** How one client comes in. `frozen`: its requests are signed or routed by a provider; they leave as they came. */
export type Entrance = {
  transport: typeof fetch
  governs: Governs
  below: Below
  frozen: boolean
  /** The origin that a key kept in Redis is for, unless the options name another. */
  keyOrigin: string | undefined
}

export const homeOf = ({ keyOrigin, custody }: Settings, entrance: Entrance): string | undefined =>
  custody ? (keyOrigin ?? entrance.keyOrigin) : undefined

/** Who a request says it comes from: itself, the context it was made in, or the client that it was made with. */
export const claimOf = (
  settings: Settings,
  context: GatewayContext | undefined,
  told: CallOptions | undefined,
): Claim => ({
  agent: told?.agent ?? context?.agent ?? settings.agent,
  key: told?.key ?? settings.key,
  team: settings.team,
})

/** A governed request, read. */
export type Incoming = {
  operation: Operation
  model?: string
  url: string
  init: RequestInit
  /** Of the request, without the gateway's own. */
  headers: Headers
  /** What those said. */
  told: CallOptions | undefined
  source: string
  reading: Reading
}

type Under = {
  settings: Settings
  /** Those of this moment. */
  rules: Rules
  /** Those of any later one. */
  inForce: () => Rules
  complain: Complain
}

/** The request as a call, under the rules of this moment. */
export function callOf(
  { settings, rules, inForce, complain }: Under,
  entrance: Entrance,
  incoming: Incoming,
): Call {
  const { transport, below, frozen } = entrance
  const { url, init, headers, told, source, operation } = incoming
  const attempt = attemptOf(headers)
  const origin = originOf(init, settings.onCall !== undefined)
  const context = checkedContext(origin.context, complain)
  const claim = claimOf(settings, context, told)
  const caller = rules.who(claim)
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
    origin,
    operation,
    body,
    reading,
    signal,
    caller,
    rules,
    present() {
      const now = inForce()
      return { rules: now, caller: now === rules ? caller : now.who(claim) }
    },
    ...(settings.custody && claim.key !== undefined && { teamKey: claim.key }),
    controls: controlsOf([settings.standing, context, told, fromBody?.context]),
    model: incoming.model ?? (text(body.model) || 'auto'),
    route: 'requested',
    view: { stream, includeUsage, signal },
    outgoing: {
      transport,
      init: unmarked(init),
      ...(by !== '' && { by }),
      ...(proxy && path !== undefined ? aimed(proxy, { path, headers, key: told?.key }) : { url, headers }),
      path,
      text: source,
      edits: fromBody?.edits ?? {},
      injectUsage: asks,
      frozen: frozen || incoming.model !== undefined,
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
function asksForUsage(operation: Operation, url: string, { policy }: Rules, proxied: boolean): boolean {
  if (operation !== 'chat' && operation !== 'completions') return false
  if (policy.streamUsage === 'always') return true
  return policy.streamUsage !== 'never' && (proxied || tellsUsage(url))
}
