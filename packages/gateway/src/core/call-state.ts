import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import { currentContext, type GatewayContext } from './context.ts'
import type { RecordDraft } from './record.ts'
import type { Reply } from './reply.ts'

/**
 * State of one `create()` call, shared by the SDK's retries of it. `fetch` cannot see that two requests are attempts
 * of one call; so each request carries a function that returns this state, attached where the call was made.
 */
export type CallState = {
  id: string
  /** The caller's `withGateway` context at the time of the call. */
  context: GatewayContext | undefined
  /** Runs a hook in the caller's own async context, no matter which reader completed the answer. */
  run: <R>(fn: () => R) => R
  /** Number of retries the SDK still has after this attempt. */
  retriesAfter: (attempt: number) => number
  /** The caller's own signal. The SDK's per-attempt signal also aborts on timeouts. */
  userSignal: AbortSignal | undefined
  /** Time of the call, in milliseconds since the epoch. The wall clock may step, so no duration is computed from it. */
  madeAtMs: number
  /** Time of the call by `performance.now()`, the base of durations. Stands still while the machine sleeps. */
  startedAt: number
  /** True once this call has failed over: its retries stay with the fallback model. */
  failedOver: boolean
  /** Number of this call's requests that left for upstream, or were about to. */
  upstreamAttempts: number
  /** Set after a fault: requests of this call that have not left yet must not leave. */
  barred: boolean
  draft: RecordDraft | undefined
  /** Returns a stale answer for use when no other comes (stale-if-error). */
  staleFallback: (() => Reply | undefined) | undefined
  /** True for calls of a gateway client: `retriesAfter` and `userSignal` are then known, otherwise assumed. */
  isGatewayClient: boolean
  /** On a 401 the client exchanges its token and sends the request once more, whatever its retry count. */
  refreshes: boolean
}

const ORIGIN: unique symbol = Symbol.for('@hotdash/llm-gateway:origin')

/** The members of the SDK's request options that are used here. Every retry of a call gets the same object. */
export type RequestOptions = {
  method?: string
  maxRetries?: number | undefined
  signal?: AbortSignal | null | undefined
  __metadata?: Record<string, unknown>
  [ORIGIN]?: Mark
}

/** A function, so that code that prints the options object does not print the state. */
type Mark = () => CallState
type Marked = { [ORIGIN]?: Mark }

/** @param hooked Whether a hook will run in this context. Capturing the context costs some microseconds. */
export function newCallState(hooked: boolean, options?: RequestOptions, maxRetries = 0): CallState {
  return {
    id: randomUUID(),
    context: currentContext(),
    run: hooked ? AsyncLocalStorage.snapshot() : (fn) => fn(),
    retriesAfter: (attempt) => Math.max(0, (options?.maxRetries ?? maxRetries) - attempt),
    userSignal: options?.signal ?? undefined,
    madeAtMs: Date.now(),
    startedAt: performance.now(),
    failedOver: false,
    upstreamAttempts: 0,
    barred: false,
    draft: undefined,
    staleFallback: undefined,
    isGatewayClient: options !== undefined,
    refreshes: false,
  }
}

/**
 * Attaches the call's state to its request options. Called before each attempt, for the first in the caller's
 * context. `options` must belong to this call alone. Retries inherit the mark; the SDK's debug log omits symbols.
 */
export function attachCallState(options: RequestOptions, client: Client): void {
  const state = options[ORIGIN]?.() ?? newCallState(client.hooked, options, client.maxRetries)
  state.refreshes = client.refreshes && options.__metadata?.workloadIdentityTokenRefreshed !== true
  options[ORIGIN] ??= () => state
}

/** `hooked`: a hook will run in the caller's context. `refreshes`: the token comes from a workload identity. */
type Client = { maxRetries: number; hooked: boolean; refreshes: boolean }

/** Copies the mark from a call's options to one of its requests. */
export function markRequest(init: Marked, options: Marked): void {
  if (options[ORIGIN] !== undefined) init[ORIGIN] = options[ORIGIN]
}

/** Returns the state of a request; a new one for requests of other clients. */
export function callStateOf(init: RequestInit | undefined, hooked: boolean): CallState {
  return (init as Marked | undefined)?.[ORIGIN]?.() ?? newCallState(hooked)
}

/** Removes the mark before a transport sees the request. */
export function detachCallState(init: RequestInit | undefined): void {
  if (init !== undefined && ORIGIN in init) delete (init as Marked)[ORIGIN]
}

/** Returns a copy without the mark. A `delete` would make the object slow to read. */
export function withoutCallState(init: RequestInit): RequestInit {
  const { [ORIGIN]: _, ...rest } = init as RequestInit & Marked
  return rest
}

/** Context without a caller. Captured when this module is loaded, which is before any call. */
const outside = AsyncLocalStorage.snapshot()

/** Creates the state of a call that has no caller. */
export const backgroundCallState = (): CallState => ({
  ...newCallState(false),
  context: undefined,
  run: (fn) => outside(fn),
})

/**
 * Creates the state of a call that follows from another: it keeps the context, and can neither be aborted nor
 * retried.
 */
export function forkCallState(state: CallState): CallState {
  return {
    ...state,
    ...newCallState(false),
    context: state.context,
    run: state.run,
  }
}
