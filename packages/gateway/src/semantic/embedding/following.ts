import type { Call } from '../../core/call.ts'
import { afterwards, forkCallState } from '../../core/call-state.ts'
import type { JsonObject } from '../../core/json.ts'
import { isOfOneRequest } from '../../fingerprint/headers.ts'

/** What the records of such calls are tagged with, where tags are all that is kept of them. */
const TAG = 'gateway:semantic'

/** Where a governed request's own path ends, before a query. */
const BELOW = /\/(chat\/completions|responses)(?=$|\?)/

const OF_ONE_ATTEMPT = [
  'content-length',
  'idempotency-key',
  'x-stainless-retry-count',
  'x-stainless-helper-method',
]

/** A call that the gateway makes for another one. */
type Made = { operation: Call['operation']; path: string; body: JsonObject; signal: AbortSignal }

/** A call that the gateway makes because of a caller's: same credentials, team and transport, without the caller's signal and retries. */
export function following(call: Call, made: Made): Call {
  const { session, trace, tags, people, unusable } = call.controls
  return callFor(call, made, {
    controls: {
      ...CONTROLS,
      tags: [...tags, TAG],
      ...(session === undefined ? {} : { session }),
      ...(people === undefined ? {} : { people }),
      ...(unusable && { unusable }),
      ...(trace === undefined ? {} : { trace }),
    },
    state: afterwards(call.state),
  })
}

/**
 * The same for what holds words of several users: the call is no user's. Its record has neither user nor session, a trace
 * of its own and no tags but ours; no header leads back to the request it follows from; no sink is told what was said.
 */
export function followingApart(call: Call, made: Made): Call {
  const it = callFor(call, made, { controls: { ...CONTROLS, tags: [TAG] }, state: forkCallState() })
  for (const name of [...it.outbound.headers.keys()])
    if (isOfOneRequest(name)) it.outbound.headers.delete(name)
  return { ...it, confidential: true }
}

const CONTROLS = {
  cache: { read: true, store: true, onlyIfCached: false, semantic: false },
  onLimit: 'reject',
} as const

function callFor(
  { outbound: outgoing, caller, policy: rules, inForce: present, teamKey }: Call,
  { operation, path, body, signal }: Made,
  whose: Pick<Call, 'controls' | 'state'>,
): Call {
  const headers = new Headers(outgoing.headers)
  for (const name of OF_ONE_ATTEMPT) headers.delete(name)
  return {
    attempt: 0,
    arrivedAt: performance.now(),
    caller,
    policy: rules,
    inForce: present,
    ...(teamKey !== undefined && { teamKey }),
    ...whose,
    purpose: 'semantic',
    operation,
    outbound: {
      transport: outgoing.transport,
      url: outgoing.url.replace(BELOW, path),
      path: outgoing.path?.replace(BELOW, path),
      init: { ...outgoing.init, method: 'POST' },
      headers,
      ...(outgoing.transportName !== undefined && { transportName: outgoing.transportName }),
      text: JSON.stringify(body),
      bodyEdits: {},
      injectUsage: false,
      immutable: false,
      ...(outgoing.keys && { keys: outgoing.keys }),
    },
    body,
    parsed: { body, questions: {} },
    model: 'auto',
    route: 'requested',
    view: { stream: false, includeUsage: false, signal },
    signal,
  }
}
