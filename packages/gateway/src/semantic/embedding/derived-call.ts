import type { Call } from '../../core/call.ts'
import { backgroundCallState, forkCallState } from '../../core/call-state.ts'
import type { JsonObject } from '../../core/json.ts'
import { isOfOneRequest } from '../../fingerprint/headers.ts'
import { OPERATIONS } from '../../operations/operations.ts'

/** Tag on the records of these calls, for sinks that keep tags only. It is the first one: sinks keep 50. */
const TAG = 'gateway:semantic'

const SERVED = Object.values(OPERATIONS).filter(({ input }) => input.kind === 'turns')
/** The path of an operation with a semantic cache, at the end of the URL, before a query. */
const BELOW = new RegExp(`(?:${SERVED.map(({ path }) => path).join('|')})(?=$|\\?)`)

const PER_ATTEMPT_HEADERS = [
  'content-length',
  'idempotency-key',
  'x-stainless-retry-count',
  'x-stainless-helper-method',
]

/** Request of a call that the gateway makes for another one. */
type DerivedRequest = { operation: Call['operation']; body: JsonObject; signal: AbortSignal }

/**
 * Builds a call made by the gateway on behalf of a caller's call: same credentials, team and transport, without its
 * signal and retries.
 */
export function derivedCall(call: Call, made: DerivedRequest): Call {
  const { session, trace, tags, people, unusable } = call.controls
  return callFor(call, made, {
    controls: {
      ...CONTROLS,
      tags: [TAG, ...tags],
      ...(session === undefined ? {} : { session }),
      ...(people === undefined ? {} : { people }),
      ...(unusable && { unusable }),
      ...(trace === undefined ? {} : { trace }),
    },
    state: forkCallState(call.state),
  })
}

/**
 * Builds such a call for content of several users: its record has no user or session, a new trace and no tags but the
 * gateway's, no header refers to the original request, and sinks get no content.
 */
export function anonymousCall(call: Call, made: DerivedRequest): Call {
  const it = callFor(call, made, { controls: { ...CONTROLS, tags: [TAG] }, state: backgroundCallState() })
  for (const name of [...it.outbound.headers.keys()])
    if (isOfOneRequest(name)) it.outbound.headers.delete(name)
  return { ...it, confidential: true }
}

const CONTROLS = {
  cache: { read: true, store: true, onlyIfCached: false, semantic: false },
  onLimit: 'reject',
} as const

function callFor(
  { outbound, caller, policy, inForce, teamKey }: Call,
  { operation, body, signal }: DerivedRequest,
  whose: Pick<Call, 'controls' | 'state'>,
): Call {
  const { path } = OPERATIONS[operation]
  const headers = new Headers(outbound.headers)
  for (const name of PER_ATTEMPT_HEADERS) headers.delete(name)
  return {
    attempt: 0,
    arrivedAt: performance.now(),
    caller,
    policy,
    inForce,
    ...(teamKey !== undefined && { teamKey }),
    ...whose,
    purpose: 'semantic',
    operation,
    outbound: {
      transport: outbound.transport,
      url: outbound.url.replace(BELOW, path),
      path: outbound.path?.replace(BELOW, path),
      init: { ...outbound.init, method: 'POST' },
      headers,
      ...(outbound.transportName !== undefined && { transportName: outbound.transportName }),
      text: JSON.stringify(body),
      bodyEdits: {},
      injectUsage: false,
      immutable: false,
      ...(outbound.keys && { keys: outbound.keys }),
    },
    body,
    parsed: { body },
    model: 'auto',
    route: 'requested',
    view: { stream: false, includeUsage: false, signal },
    signal,
  }
}
